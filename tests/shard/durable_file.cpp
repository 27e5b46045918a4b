// SPDX-License-Identifier: BSL-1.0
// Promises of shard/durable_file.hpp: whatever dies at whichever call to the system, a checkpoint is the old or the new
// one, whole; also if the power goes, and what was not stored is lost.
#include <tutti/shard/checkpoint.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#if !defined(_WIN32)

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <utility>

#include <tutti/collective/allreduce.hpp>
#include <tutti/group/testing.hpp>

#include "../data/scratch.hpp"

namespace {

namespace fs = std::filesystem;
using tutti::communicator;
using base = tutti::detail::durable_files;

enum class death {
  of_process,  ///< all ranks at once; what was written stays
  in_write,    ///< the same, half-way through the write, if it is one
  of_power,    ///< and what was not stored is lost: contents, names, renames
  of_rank      ///< one thread alone; the other ranks go on
};
constexpr int ranks = 3;
constexpr int exit_code = 42;
struct killed {};

/// Before its call number `at`, rank `rank` dies. Counts the calls of each rank.
struct plan_of_death {
  death how = death::of_process;
  int rank = -1;
  int at = 0;
};
plan_of_death doom;
std::array<int, ranks> calls{};
thread_local int me = 0;
thread_local bool dead = false;

/// What a disk may forget when the power goes: everything since the last sync.
struct forgetful {
  std::mutex mutex;
  std::vector<std::string> unsynced;                           // contents
  std::vector<std::string> unnamed;                            // files made
  std::vector<std::pair<std::string, std::string>> unrenamed;  // backup, name
  void lose() {
    std::scoped_lock const lock(mutex);
    for (auto const& file : unsynced)
      if (fs::exists(file)) fs::resize_file(file, fs::file_size(file) / 2);
    for (auto const& [backup, name] : unrenamed) fs::exists(backup) ? fs::rename(backup, name) : void(fs::remove(name));
    for (auto const& file : unnamed) fs::remove(file);
  }
};
forgetful disk;

struct dying_files : base {
  static bool due() {
    if (dead) throw killed{};
    return me == doom.rank && ++calls[static_cast<std::size_t>(me)] == doom.at;
  }
  static void die() {
    if (doom.how == death::of_rank) {
      dead = true;
      throw killed{};
    }
    if (doom.how == death::of_power) disk.lose();
    ::_exit(exit_code);
  }
  static void point() {
    if (due()) die();
  }
  static void note(std::vector<std::string>& list, std::string const& path) {
    std::scoped_lock const lock(disk.mutex);
    list.push_back(path);
  }
  static void forget(std::vector<std::string>& list, std::string const& path) {
    std::scoped_lock const lock(disk.mutex);
    list.erase(std::remove(list.begin(), list.end(), path), list.end());
  }

  static int create(std::string const& path) {
    point();
    note(disk.unnamed, path);
    note(disk.unsynced, path);
    return base::create(path);
  }
  static void write(int fd, std::string const& path, tutti::const_bytes data) {
    if (due()) {
      if (doom.how == death::in_write) base::write(fd, path, data.first(data.size() / 2));
      die();
    }
    base::write(fd, path, data);
  }
  static void sync(int, std::string const& path) {  // what is stored is known here; the disk need not be waited for
    point();
    forget(disk.unsynced, path);
  }
  static void rename(std::string const& from, std::string const& to) {
    point();
    std::string const backup = to + ".backup";
    {
      std::scoped_lock const lock(disk.mutex);
      fs::remove(backup);
      if (fs::exists(to)) fs::create_hard_link(to, backup);
      disk.unrenamed.emplace_back(backup, to);
    }
    base::rename(from, to);
  }
  static void sync_directory(std::string const&) {
    point();
    std::scoped_lock const lock(disk.mutex);
    disk.unnamed.clear();
    for (auto const& [backup, name] : disk.unrenamed) fs::remove(backup);
    disk.unrenamed.clear();
  }
  static void remove(std::string const& path) noexcept {
    if (dead) return;
    if (me == doom.rank && ++calls[static_cast<std::size_t>(me)] == doom.at && doom.how != death::of_rank) die();
    base::remove(path);
  }
};

using state = std::vector<float>;
state filled(float x) { return state(1001, x); }

void save_dying(std::string const& path, state const& what) {
  tutti::testing::run_ranks(ranks, [&](communicator& world) {
    me = world.rank();
    tutti::checkpoint::save<dying_files>(path, what, world);
  });
}
/// In a child process, which may die.
bool saved_in_child(std::string const& path, state const& what) {
  ::pid_t const child = ::fork();
  if (child == 0) {
    save_dying(path, what);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  bool const whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  CHECK((whole || (WIFEXITED(status) && WEXITSTATUS(status) == exit_code)));
  return whole;
}
state loaded(std::string const& path) {
  state found;
  tutti::testing::run_ranks(1, [&](communicator& world) { tutti::checkpoint::load(path, found, world); });
  return found;
}

/// Kills every rank at every call, and looks what is there.
void every_death(death how) {
  state const before = filled(1), after = filled(2);
  int old_ones = 0, new_ones = 0;
  scratch const model;
  doom = {};
  save_dying(model.path.string(), before);
  for (int rank = 0; rank < ranks; ++rank) {
    for (int at = 1;; ++at) {
      CAPTURE(rank);
      CAPTURE(at);
      scratch const dir;
      std::string const path = dir.path.string();
      fs::copy(model.path, dir.path);
      doom = {how, rank, at};
      calls = {};
      bool whole = true;
      if (how == death::of_rank) {
        try {
          save_dying(path, after);
        } catch (...) {
          whole = false;
        }
        dead = false;
      } else {
        whole = saved_in_child(path, after);
      }
      state const found = loaded(path);
      CHECK((found == before || found == after));
      if (whole) CHECK(found == after);
      ++(found == after ? new_ones : old_ones);
      doom = {};
      save_dying(path, filled(3));  // and it goes on from there
      CHECK(loaded(path) == filled(3));
      CHECK(std::distance(fs::directory_iterator(path), {}) == ranks + 1);
      if (whole) break;
      REQUIRE(at < 50);
    }
  }
  CHECK(old_ones >= 3 * 4);  // create, write, sync, sync the directory: on each rank
  CHECK(new_ones >= 3);
}

}  // namespace

TEST_CASE("a process killed at any call leaves the old or the new checkpoint") { every_death(death::of_process); }
TEST_CASE("a process killed within a write leaves the old or the new checkpoint") { every_death(death::in_write); }
TEST_CASE("power lost at any call leaves the old or the new checkpoint") { every_death(death::of_power); }
TEST_CASE("one rank lost at any call leaves the old or the new checkpoint to the others") {
  every_death(death::of_rank);
}

TEST_CASE("killed before the first manifest is in place, there is no checkpoint, and the next save makes one") {
  for (int at = 1; at <= 7; ++at) {
    scratch const dir;
    std::string const path = dir.path.string() + "/made/on/the/way";
    doom = {death::of_power, 0, at};
    calls = {};
    CHECK_FALSE(saved_in_child(path, filled(1)));
    CHECK_THROWS_AS((void)loaded(path), tutti::error);
    doom = {};
    save_dying(path, filled(2));
    CHECK(loaded(path) == filled(2));
  }
}

TEST_CASE("a disk that is full on one rank is an error on all, and the old checkpoint stays") {
  struct full : base {
    static void write(int fd, std::string const& path, tutti::const_bytes data) {
      if (path.ends_with("-1")) tutti::detail::throw_file(path, "written", ENOSPC);
      base::write(fd, path, data);
    }
  };
  scratch const dir;
  std::string const path = dir.path.string();
  save_dying(path, filled(1));
  std::vector<std::string> said(ranks);
  tutti::testing::run_ranks(ranks, [&](communicator& world) {
    try {
      tutti::checkpoint::save<full>(path, filled(2), world);
    } catch (tutti::error const& e) {
      said[static_cast<std::size_t>(world.rank())] = e.what();
    }
  });
  for (auto const& words : said) {
    CHECK(words.find("rank 1: ") != std::string::npos);
    CHECK(words.find("No space left on device") != std::string::npos);
  }
  CHECK(loaded(path) == filled(1));
}

#endif
