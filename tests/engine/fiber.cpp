// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <tutti/engine/fiber.hpp>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using tutti::engine::fiber;

namespace {

/// Not inlined, nor guessed: compilers think that a function stays on its thread, and ask once.
[[gnu::noinline]] std::thread::id this_thread() {
  asm volatile("" ::: "memory");
  return std::this_thread::get_id();
}

long resident_pages() {
  long all = 0, resident = 0;
  if (std::FILE* const f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%ld %ld", &all, &resident) != 2) resident = 0;
    std::fclose(f);
  }
  return resident;
}

/// Counts how often it was entered, and throws and catches in between.
struct counting {
  fiber own{[](void* self) { static_cast<counting*>(self)->run(); }, this};
  int entered = 0;
  bool was_inside = false;
  std::vector<std::thread::id> threads{};
  std::string text = std::string(100, 'x');  // here, not on the stack that is forgotten

  [[noreturn]] void run() {
    for (;; text += 'x') {
      ++entered;
      was_inside = own.inside();
      threads.push_back(this_thread());
      try {
        throw std::runtime_error(text);
      } catch (std::runtime_error const& e) {
        if (e.what() != text) was_inside = false;
      }
      own.pause();
    }
  }
};

}  // namespace

TEST_CASE("a fiber goes on where it paused, on whichever thread enters it, and exceptions stay inside") {
  counting c;
  CHECK(!c.own.inside());
  for (int i = 0; i < 10; ++i) {
    c.own.resume();
    CHECK(!c.own.inside());
    std::thread([&] { c.own.resume(); }).join();
  }
  CHECK(c.entered == 20);
  CHECK(c.was_inside);
  CHECK(c.threads[18] == c.threads[0]);
  CHECK(c.threads[19] != c.threads[0]);
}

TEST_CASE("a thousand fibers are cheap: their stacks are reserved, not used") {
  std::vector<std::unique_ptr<counting>> many;
  [[maybe_unused]] auto const before = resident_pages();
  for (int i = 0; i < 1000; ++i) {
    many.push_back(std::make_unique<counting>());
    many.back()->own.resume();
  }
  for (auto const& c : many) c->own.resume();
  for (auto const& c : many) CHECK(c->entered == 2);
#if defined(__linux__) && !defined(__has_feature) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(resident_pages() - before < 1000L * 32);  // of 128 each; a page has 4 KiB or more
#endif
}
