// SPDX-License-Identifier: BSL-1.0
// What all ranks of one program share beside the library under test: memory for orders and clock readings, so that
// neither travels through that library, and a place to sleep where a program that has nothing to do costs nothing.
#pragma once

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace bench {

/// The monotonic clock, which all processes of one host share, in nanoseconds.
inline std::int64_t now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// One cell to measure, as rank 0 was told; plain text because processes share it.
struct order {
  char call[16];      // "allreduce"; "quit" ends the program
  char type[8];       // "float" or "uint8"
  char variant[32];   // of the library: an algorithm of its own, or "best" for its own choice
  std::size_t count;  // elements of the buffer, or of one block for the calls that move blocks
  double seconds;     // to spend on each of the two modes
};

inline constexpr int max_ranks = 64;
inline constexpr int max_samples = 4096;

struct board {
  std::atomic<std::uint32_t> orders;  // how many have been given; ranks sleep on it
  order next;
  std::atomic<int> arrived;
  std::atomic<int> generation;
  std::atomic<int> planned;               // back-to-back calls, chosen by rank 0
  std::array<std::atomic<bool>, 2> stop;  // of even and odd rounds: one is read while the other may be written
  std::atomic<std::uint64_t> wrong;
  struct sample {
    std::int64_t start, end;
  };
  std::array<std::array<sample, max_samples>, max_ranks> samples;

  /// Maps the file; a fresh file reads as zeros, which is the initial state.
  static board& open(std::string const& path) {
    int const fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(board)) != 0) throw std::runtime_error("cannot open " + path);
    void* const at = ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (at == MAP_FAILED) throw std::runtime_error("cannot map " + path);
    return *static_cast<board*>(at);
  }

  void give(order const& o) {
    next = o;
    orders.fetch_add(1, std::memory_order_release);
    ::syscall(SYS_futex, &orders, FUTEX_WAKE, max_ranks, nullptr, nullptr, 0);
  }
  /// Sleeps until more than `seen` orders have been given.
  void sleep(std::uint32_t seen) const {
    while (orders.load(std::memory_order_acquire) == seen)
      ::syscall(SYS_futex, &orders, FUTEX_WAIT, seen, nullptr, nullptr, 0);
  }

  /// Lets all ranks go at the same moment, whatever the skew of the library's own barrier. Throws when a rank is
  /// missing for 30 s, so that a dead one leaves nobody spinning.
  void align(int size) {
    int const before = generation.load(std::memory_order_acquire);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size) {
      arrived.store(0, std::memory_order_relaxed);
      generation.store(before + 1, std::memory_order_release);
      return;
    }
    auto const deadline = now() + std::int64_t{30'000'000'000};
    while (generation.load(std::memory_order_acquire) == before) {
      if (now() > deadline) throw std::runtime_error("a rank did not arrive within 30 s");
      sched_yield();
    }
  }
};

}  // namespace bench
