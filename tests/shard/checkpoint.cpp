// SPDX-License-Identifier: BSL-1.0
// Promises of shard/checkpoint.hpp: any world's checkpoint in any other, and nothing but whole ones.
#include <tutti/shard/checkpoint.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>
#include <tutti/train/adam.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "../data/scratch.hpp"
#include "../model/five_models.hpp"

namespace {

namespace fs = std::filesystem;
using tutti::communicator;
using tutti::checkpoint::part;

struct job {
  five::plain plain;
  five::containers containers = five::make_containers();
  five::behind_boost boost;
  five::eigen eigen = five::make_eigen();
  five::hooked hooked;
  tutti::adam optimizer;
  std::vector<float> nothing;
  bool done = false;
  std::uint64_t cursor = 0;
};

/// Every bit of a state, as text: the oracle.
template <class M>
std::string bits(M const& state) {
  std::string all;
  tutti::for_each_tensor(state, [&](auto const& t) {
    all += std::string(t.name) + ":";
    auto const raw = std::as_bytes(t.data);
    all.append(reinterpret_cast<char const*>(raw.data()), raw.size());
  });
  return all;
}

/// A state after one step of training, large enough for several blocks of a file.
job trained(std::uint32_t seed) {
  job state;
  std::uint32_t x = seed * 2654435761U + 1;
  auto const next = [&x] { return static_cast<float>((x = x * 1664525U + 1013904223U) >> 8U) * 1e-3F; };
  std::vector<float> weights(150'001), gradient(weights.size());
  for (float& w : weights) w = next();
  for (float& g : gradient) g = next();
  state.optimizer.step(weights, gradient);
  tutti::for_each_tensor(state.plain, [&]<class T>(tutti::tensor<T> const& t) {
    for (T& n : t.data) n = static_cast<T>(next());
  });
  state.done = true;
  state.cursor = seed;
  return state;
}

std::string read_all(std::string const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
void write_all(std::string const& path, std::string const& text) { std::ofstream(path, std::ios::binary) << text; }

/// Row-major matrix m[r][c] = 100 r + c, cut by dimension, rows or columns.
struct cut {
  std::size_t dim, begin, count;
};
cut cut_of(std::size_t dim, std::size_t extent, int rank, int size) {
  auto const p = static_cast<std::size_t>(size), r = static_cast<std::size_t>(rank);
  return {dim, extent * r / p, extent * (r + 1) / p - extent * r / p};
}

}  // namespace

TEST_CASE("a state saved by any number of ranks is the same on any other number, optimiser and all") {
  scratch const dir;
  std::string const path = dir.path.string();
  job const original = trained(7);
  std::string const expected = bits(original);
  for (int const n : {1, 2, 3, 4, 8}) {
    CAPTURE(n);
    tutti::testing::run_ranks(n, [&](communicator& world) { tutti::checkpoint::save(path, original, world); });
    for (int const m : {1, 2, 5, 13}) {
      CAPTURE(m);
      std::vector<std::string> got(static_cast<std::size_t>(m));
      tutti::testing::run_ranks(m, [&](communicator& world) {
        job fresh;
        tutti::checkpoint::load(path, fresh, world);
        got[static_cast<std::size_t>(world.rank())] = bits(fresh);
      });
      for (auto const& one : got) CHECK(one == expected);
    }
    CHECK(std::distance(fs::directory_iterator(path), {}) == n + 1);  // each rank's file and the manifest, no more
  }
}

TEST_CASE("replicated numbers are stored once, in even shares") {
  scratch const dir;
  std::string const path = dir.path.string();
  std::vector<double> const state(1000, 1.5);
  tutti::testing::run_ranks(3, [&](communicator& world) { tutti::checkpoint::save(path, state, world); });
  std::vector<std::uintmax_t> sizes;
  for (auto const& file : fs::directory_iterator(path))
    if (file.path().filename() != "manifest") sizes.push_back(file.file_size());
  REQUIRE(sizes.size() == 3);
  CHECK(sizes[0] + sizes[1] + sizes[2] == 8000);
  for (auto const size : sizes) CHECK((size == 2664 || size == 2672));
}

TEST_CASE("parts cut by rows, by columns and flat fit together in any other world") {
  scratch const dir;
  std::string const path = dir.path.string();
  constexpr std::size_t rows = 13, cols = 7;
  auto const cuts = [&](communicator& world, auto use) {  // use(rows, columns, flat, their cuts)
    cut const r = cut_of(0, rows, world.rank(), world.size());
    cut const c = cut_of(1, cols, world.rank(), world.size());
    cut const f = cut_of(0, rows * cols, world.rank(), world.size());
    std::vector<float> by_row(r.count * cols), by_column(rows * c.count), flat(f.count);
    std::tuple state{part(std::span(by_row), {rows, cols}, 0, r.begin, r.count),
                     part(std::span(by_column), {rows, cols}, 1, c.begin, c.count),
                     part(std::span(flat), f.begin, rows * cols)};
    use(by_row, by_column, flat, r, c, f, state);
  };
  for (int const n : {1, 3, 8}) {
    tutti::testing::run_ranks(n, [&](communicator& world) {
      cuts(world, [&](auto& by_row, auto& by_column, auto& flat, cut r, cut c, cut f, auto& state) {
        for (std::size_t i = 0; i < by_row.size(); ++i) by_row[i] = static_cast<float>(r.begin * cols + i);
        for (std::size_t i = 0; i < by_column.size(); ++i)
          by_column[i] = static_cast<float>(i / c.count * cols + c.begin + i % c.count);
        for (std::size_t i = 0; i < flat.size(); ++i) flat[i] = static_cast<float>(f.begin + i);
        tutti::checkpoint::save(path, state, world);
      });
    });
    for (int const m : {1, 2, 4, 13}) {
      CAPTURE(n);
      CAPTURE(m);
      int wrong = 0;
      tutti::testing::run_ranks(m, [&](communicator& world) {
        int mine = 0;
        cuts(world, [&](auto& by_row, auto& by_column, auto& flat, cut r, cut c, cut f, auto& state) {
          tutti::checkpoint::load(path, state, world);
          for (std::size_t i = 0; i < by_row.size(); ++i) mine += by_row[i] != static_cast<float>(r.begin * cols + i);
          for (std::size_t i = 0; i < by_column.size(); ++i)
            mine += by_column[i] != static_cast<float>(i / c.count * cols + c.begin + i % c.count);
          for (std::size_t i = 0; i < flat.size(); ++i) mine += flat[i] != static_cast<float>(f.begin + i);
        });
        mine = allreduce(world, mine);
        if (world.rank() == 0) wrong = mine;
      });
      CHECK(wrong == 0);
    }
    // A single process reads the whole of each, without a communicator.
    tutti::checkpoint::reader whole(path);
    std::vector<float> all(rows * cols);
    for (char const* const name : {"0", "1", "2"}) {
      whole.read(name, std::span(all));
      for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i] == static_cast<float>(i));
    }
  }
}

TEST_CASE("parts that leave a hole, and ranks with different tensors, are refused on all ranks; what was there stays") {
  scratch const dir;
  std::string const path = dir.path.string();
  std::vector<float> const before{1, 2, 3};
  tutti::testing::run_ranks(1, [&](communicator& world) { tutti::checkpoint::save(path, before, world); });
  auto const refusal = [&](auto save) {
    std::vector<std::string> said(3);
    tutti::testing::run_ranks(3, [&](communicator& world) {
      try {
        save(world);
      } catch (tutti::error const& e) {
        said[static_cast<std::size_t>(world.rank())] = e.what();
      }
    });
    CHECK(said[1] == said[0]);
    CHECK(said[2] == said[0]);
    return said[0];
  };
  CHECK(refusal([&](communicator& world) {
          std::vector<float> two(2);
          part<float> const hole(two, 2 * static_cast<std::uint64_t>(world.rank()), 7);
          tutti::checkpoint::save(path, hole, world);
        }).find("do not hold each of its numbers exactly once") != std::string::npos);
  CHECK(refusal([&](communicator& world) {
          std::vector<float> const other(world.rank() == 2 ? 4 : 3);
          tutti::checkpoint::save(path, other, world);
        }).find("the states of rank 0 and rank 2 have different tensors") != std::string::npos);
  std::vector<float> after;
  tutti::testing::run_ranks(1, [&](communicator& world) { tutti::checkpoint::load(path, after, world); });
  CHECK(after == before);
}

TEST_CASE("a damaged or missing file, and a state of another kind, are refused on all ranks and change nothing") {
  scratch const dir;
  std::string const path = dir.path.string();
  job const original = trained(3);
  tutti::testing::run_ranks(2, [&](communicator& world) { tutti::checkpoint::save(path, original, world); });
  auto const outcome = [&](auto fresh) {
    std::string const untouched = bits(fresh);
    std::vector<std::string> said(3);
    std::vector<char> same(3);
    tutti::testing::run_ranks(3, [&](communicator& world) {
      auto state = fresh;
      auto const me = static_cast<std::size_t>(world.rank());
      try {
        tutti::checkpoint::load(path, state, world);
      } catch (tutti::error const& e) {
        said[me] = e.what();
      }
      same[me] = bits(state) == untouched;
    });
    CHECK(said[1] == said[0]);
    CHECK(said[2] == said[0]);
    if (!said[0].empty()) CHECK((same[0] != 0 && same[1] != 0 && same[2] != 0));
    return said[0];
  };
  CHECK(outcome(job{}) == "");
  for (auto const& entry : fs::directory_iterator(path)) {
    std::string const file = entry.path().string();
    std::string const good = read_all(file);
    for (std::size_t const at : {std::size_t{0}, good.size() / 2, good.size() - 1}) {
      CAPTURE(file);
      CAPTURE(at);
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      write_all(file, bad);
      CHECK(outcome(job{}).find(file) != std::string::npos);
    }
    write_all(file, good.substr(0, good.size() - 1));
    CHECK(outcome(job{}).find(file) != std::string::npos);
    fs::remove(file);
    CHECK(outcome(job{}).find(file) != std::string::npos);
    write_all(file, good);
  }
  CHECK(outcome(job{}) == "");
  struct other {
    std::vector<double> nothing;
  };
  CHECK(outcome(other{}).find("tensor 'nothing' was saved as f32 (0), here it is f64 (0)") != std::string::npos);
  struct more {
    int absent = 0;
  };
  CHECK(outcome(more{}).find("has no tensor 'absent'") != std::string::npos);
}

TEST_CASE("a manifest that nobody wrote is refused, line by line") {
  using tutti::detail::parse_manifest;
  using tutti::detail::sealed;
  std::string const good =
      "tutti checkpoint 1\ntensor f32 4 2 2 3 a%20b\nfile shard-1-0 24 00000000\npiece 0 0 0 6 6 1\n";
  CHECK(parse_manifest("m", sealed(good)).tensors.at(0).name == "a b");
  for (auto const& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"checkpoint 1", "checkpoint 2"},
                                                        {"tensor f32 4 2 2 3", "tensor f32 4 2 2 18446744073709551615"},
                                                        {"tensor f32 4 2 2 3", "tensor f32 4 1 7"},
                                                        {"tensor f32 4 2 2 3", "tensor f32 4 3 2 3"},
                                                        {"a%20b", "a%2"},
                                                        {"a%20b", "a b"},
                                                        {"shard-1-0 24", "../shard 24"},
                                                        {"shard-1-0 24", "shard-1-0 23"},
                                                        {"24 00000000", "24"},
                                                        {"24 00000000", "24 0000000x"},
                                                        {"piece 0", "piece 1"},
                                                        {"0 0 6 6 1", "0 1 6 6 1"},
                                                        {"0 0 6 6 1", "0 0 3 3 1"},
                                                        {"0 0 6 6 1", "4 0 6 6 1"},
                                                        {"0 0 6 6 1", "0 0 3 2 2"},
                                                        {"0 0 6 6 1", "0 0 6 6 1 1"},
                                                        {"0 0 6 6 1", "0 0 1 4611686018427387904 4611686018427387904"},
                                                        {"piece", "peace"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    CAPTURE(bad);
    CHECK_THROWS_AS((void)parse_manifest("m", sealed(bad)), tutti::error);
  }
  CHECK_THROWS_AS((void)parse_manifest("m", good), tutti::error);
  CHECK_THROWS_AS((void)parse_manifest("m", sealed(good) + "\n"), tutti::error);
}
