// SPDX-License-Identifier: BSL-1.0
// Promises of data/mapped_source.hpp, data/memory_source.hpp, data/source.hpp and data/file_window.hpp.
#include <tutti/data/mapped_source.hpp>
#include <tutti/data/memory_source.hpp>
#include <tutti/data/sampler.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "scratch.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

struct record {
  std::uint32_t id;
  double x;
};

template <class T>
std::string raw(std::vector<T> const& rows) {
  return {reinterpret_cast<char const*>(rows.data()), rows.size() * sizeof(T)};
}

}  // namespace

TEST_CASE("any run of records of a binary file reads as written: behind a header, in small windows, not aligned") {
  scratch const dir;
  std::vector<std::uint64_t> rows;
  for (std::uint64_t i = 0; i < 20011; ++i) rows.push_back(i * i);
  for (std::uint64_t const header : {0U, 8U, 3U, 4096U}) {
    auto const path = dir.write("rows", std::string(header, '?') + raw(rows));
    for (std::size_t const window : {std::size_t{1}, std::size_t{4096}, std::size_t{1} << 30U}) {
      tutti::mapped_source<std::uint64_t> from(path, {.header = header, .window = window});
      REQUIRE(from.size() == rows.size());
      for (std::uint64_t const first : {std::uint64_t{0}, std::uint64_t{510}, from.size() - 700, std::uint64_t{1}})
        for (std::uint64_t const count : {0U, 1U, 2U, 513U}) {
          auto const read = from.read({first, first + count});
          REQUIRE(read.size() == count);
          CHECK(std::equal(read.begin(), read.end(), rows.begin() + static_cast<std::ptrdiff_t>(first)));
        }
      CHECK(from.place(2) == tutti::file_place{path, header + 16});
    }
  }
  tutti::mapped_source<std::uint64_t> moved = tutti::mapped_source<std::uint64_t>(dir.file("rows"), {.header = 4096});
  CHECK(moved.read({3, 4})[0] == 9);
  tutti::mapped_source<record> none(dir.write("none", ""));
  CHECK(none.size() == 0);
  CHECK(none.read({0, 0}).empty());
}

TEST_CASE("rows_at gives rows by number, from a file as from memory") {
  scratch const dir;
  std::vector<std::uint64_t> rows;
  for (std::uint64_t i = 0; i < 1000; ++i) rows.push_back(i * 3);
  tutti::mapped_source<std::uint64_t> file(dir.write("rows", raw(rows)), {.window = 4096});
  tutti::memory_source const memory(rows);
  tutti::memory_source view(rows);
  tutti::permutation const order(1000, 5);
  std::vector<std::uint64_t> expected;
  for (auto const i : order) expected.push_back(i * 3);
  CHECK(tutti::rows_at(file, order) == expected);
  CHECK(tutti::rows_at(view, order) == expected);
  CHECK(tutti::rows_at(view, std::vector<int>{7, 8, 9, 8, 8}) == std::vector<std::uint64_t>{21, 24, 27, 24, 24});
  CHECK(tutti::rows_at(view, tutti::item_range{0, 1000}) == rows);
  CHECK(memory.read({1, 3}).data() == rows.data() + 1);  // nothing is copied
}

TEST_CASE("what cannot be read is refused by one sentence") {
  scratch const dir;
  auto const path = dir.write("rows", std::string(17, 'x'));
  CHECK(refusal([&] { tutti::mapped_source<double> from(path); }) ==
        path + " has 17 bytes, which is no header of 0 and whole records of 8");
  CHECK(refusal([&] { tutti::mapped_source<double> from(path, {.header = 18}); }).find("no header of 18") !=
        std::string::npos);
  tutti::mapped_source<double> from(path, {.header = 1});
  CHECK(refusal([&] { (void)from.read({1, 3}); }) == "rows 1 to 3 were asked of " + path + ", which has 2");
  std::vector<int> const rows{1, 2};
  tutti::memory_source memory(rows);
  CHECK(refusal([&] { (void)memory.read({2, 1}); }) == "rows 2 to 1 were asked of a source in memory, which has 2");
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#define TEST_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define TEST_SANITIZED 0
#endif
#if !TEST_SANITIZED  // they take terabytes of addresses themselves

namespace {

std::uint64_t address_space() {  // of this process, in bytes
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0;
  statm >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

using block = std::array<std::uint32_t, 8192>;

// In the child: 0, or the line that failed.
int train_one_epoch(std::string const& path, std::uint64_t cap, std::uint64_t rows) {
  rlimit const limit{cap, cap};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) return __LINE__ % 100;
  // Control: the file does not fit as a whole.
  try {
    tutti::mapped_source<block> whole(path, {.window = ~std::size_t{0}});
    (void)whole.read({0, rows});
    return 2;
  } catch (tutti::error const&) {
  }
  tutti::mapped_source<block> from(path, {.window = std::size_t{1} << 20U});
  struct {
    int rank() const { return 0; }
    int size() const { return 1; }
  } const alone;
  tutti::sampler s{.size = rows, .global_batch = 256, .seed = 1};
  std::vector<int> seen(static_cast<std::size_t>(rows));
  double weight = 0;
  for (auto const& batch : s.epochs(1).on(alone))
    for (auto const slot : batch.slots()) {
      double gradient = 0;
      for (auto const id : slot) {
        block const& row = from.read({id, id + 1})[0];
        if (row[0] != id) return 3;
        ++seen[static_cast<std::size_t>(id)];
        gradient += weight - row[1];
      }
      if (!slot.empty()) weight -= 0.1 * gradient / static_cast<double>(slot.size());
    }
  return seen == std::vector<int>(static_cast<std::size_t>(rows), 1) ? 0 : 4;
}

}  // namespace

TEST_CASE("a file four times what the address space may be trains one epoch; mapped as a whole it does not fit") {
  scratch const dir;
  std::uint64_t const cap = address_space() + (std::uint64_t{16} << 20U);
  std::uint64_t const rows = 4 * cap / sizeof(block);
  auto const path = dir.file("large");
  {
    std::ofstream out(path, std::ios::binary);
    for (std::uint64_t i = 0; i < rows; ++i) {  // mostly holes: an eighth of the file is on disk
      out.seekp(static_cast<std::streamoff>(i * sizeof(block)));
      std::uint32_t const head[2] = {static_cast<std::uint32_t>(i), 7};
      out.write(reinterpret_cast<char const*>(head), sizeof head);
    }
    out.seekp(static_cast<std::streamoff>(rows * sizeof(block) - 1));
    out.put('\0');
  }
  pid_t const child = ::fork();
  if (child == 0) ::_exit(train_one_epoch(path, cap, rows));
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif
#undef TEST_SANITIZED
#endif
