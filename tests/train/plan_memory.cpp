// SPDX-License-Identifier: BSL-1.0
// Promises of train/plan_memory.hpp, and those of train/zero.hpp on memory: every byte that is allocated is counted.
#include <tutti/train/plan_memory.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>
#include <tutti/train/adam.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/zero.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

// The sanitizers bring operators new of their own, in more forms than are replaced here: nothing is counted there.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TUTTI_TEST_COUNTS 0
#elif defined(__has_feature)
#define TUTTI_TEST_COUNTS !(__has_feature(thread_sanitizer) || __has_feature(address_sanitizer))
#else
#define TUTTI_TEST_COUNTS 1
#endif

namespace counted {  // by the thread that asked: a rank
thread_local std::ptrdiff_t now = 0, most = 0;
thread_local std::size_t largest = 0;
}  // namespace counted
#if TUTTI_TEST_COUNTS
namespace counted {
constexpr std::size_t room = 16;  // in front of each block: its length
}
// Not inlined: the compiler would see free() meet operator new.
[[gnu::noinline]] void* operator new(std::size_t n) {
  auto* const p = static_cast<std::size_t*>(std::malloc(n + counted::room));
  if (p == nullptr) throw std::bad_alloc();
  *p = n;
  counted::now += static_cast<std::ptrdiff_t>(n);
  counted::most = (std::max)(counted::most, counted::now);
  counted::largest = (std::max)(counted::largest, n);
  return reinterpret_cast<std::byte*>(p) + counted::room;
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  if (p == nullptr) return;
  auto* const start = static_cast<std::byte*>(p) - counted::room;
  counted::now -= static_cast<std::ptrdiff_t>(*reinterpret_cast<std::size_t*>(start));
  std::free(start);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { operator delete(p); }
#endif

namespace {

using tutti::communicator;

struct layer {
  std::vector<float> weight, bias;
};
using net = std::vector<layer>;
constexpr int layers = 16, slots = 8;
constexpr std::size_t wide = 17'000, numbers = layers * (wide + 200);
layer made(int i) { return {std::vector<float>(wide, 0.1F * static_cast<float>(i)), std::vector<float>(200, 1)}; }
net whole() {
  net all;
  all.reserve(layers);
  for (int i = 0; i < layers; ++i) all.push_back(made(i));
  return all;
}

}  // namespace

TEST_CASE("a plan for a model that does not exist yet says what each way to train would take") {
  tutti::signature giant;
  for (int i = 0; i < 100; ++i)
    giant.tensors.push_back({"layers." + std::to_string(i) + ".weight",
                             tutti::element_code<float>(),
                             {10'000, 10'000},
                             tutti::role::parameter});
  auto const plan = plan_memory(giant, 100, {.slots = 100});
  CHECK(plan.data.weights == 40'000'000'000);
  CHECK(plan.data.optimiser == 80'000'000'000);
  CHECK(plan.zero1.optimiser / 1000 == 800'000);
  CHECK(plan.zero3.total() < 4'000'000'000);  // 1/100 of weights, gradient and optimiser, and some layers of 400 MB
  CHECK(plan.explain().find("data      40000.00  40000.00   80000.00") != std::string::npos);
}

TEST_CASE("what is planned is what is allocated, within a tenth; zero 3 on four ranks has 30 % of one") {
  std::ptrdiff_t alone = 0;
  for (int const size : {1, 3, 4}) {
    auto const plan = tutti::plan_memory(whole(), size, {.slots = slots});
    std::vector<std::ptrdiff_t> data(4), zero1(4), zero2(4), zero3(4), pieces(4);
    tutti::testing::run_ranks(size, [&](communicator& world) {
      auto const r = static_cast<std::size_t>(world.rank());
      int const first = tutti::slot_cut(slots, size, world.rank()),
                last = tutti::slot_cut(slots, size, world.rank() + 1);
      auto const measure = [&](std::ptrdiff_t& most, auto train) {
        communicator own = world.dup();  // with memory of its own for messages
        barrier(own);
        std::ptrdiff_t const before = counted::now;
        counted::most = counted::now;
        counted::largest = 0;
        train(own);
        most = counted::most - before;
        pieces[r] = static_cast<std::ptrdiff_t>(counted::largest);
      };
      measure(data[r], [&](communicator& own) {
        net model = whole(), gradient = whole();
        tutti::data_parallel ways(own, model, slots);
        tutti::adam opt;
        for (int step = 0; step < 2; ++step) {
          for (int s = first; s < last; ++s) ways.add(s, gradient, 1);
          ways.sync(gradient);
          opt.step(model, gradient);
        }
      });
      measure(zero1[r], [&](communicator& own) {
        net model = whole(), gradient = whole();
        auto z = tutti::zero<1>(own, model, tutti::adam{}, slots);
        for (int step = 0; step < 2; ++step) {
          for (int s = first; s < last; ++s) z.add(s, gradient, 1);
          z.step(model);
        }
      });
      measure(zero2[r], [&](communicator& own) {
        net model = whole();
        auto const at = [&](int i) -> layer& { return model[static_cast<std::size_t>(i)]; };
        auto z = tutti::zero<2>(own, layers, at, tutti::adam{}, slots);
        for (int step = 0; step < 2; ++step) {
          for (int i = 0; i < layers; ++i) {
            layer const gradient = made(i);
            for (int s = first; s < last; ++s) z.add(i, s, gradient, 1);
            z.reduce(i);
          }
          z.step(at);
        }
      });
      measure(zero3[r], [&](communicator& own) {
        auto z = tutti::zero<3>(own, layers, made, tutti::adam{}, slots);
        for (int step = 0; step < 2; ++step) {
          for (int i = 0; i < layers; ++i) {
            layer now = made(i);
            z.gather(i, now);
            layer const gradient = made(i);
            for (int s = first; s < last; ++s) z.add(i, s, gradient, 1);
            z.reduce(i);
          }
          z.step();
        }
      });
    });
    if (TUTTI_TEST_COUNTS == 0) continue;
    auto const near = [&](std::vector<std::ptrdiff_t> const& measured, tutti::memory_use const& use) {
      auto const most = static_cast<double>(*std::max_element(measured.begin(), measured.end()));
      double const planned = static_cast<double>(use.total());
      INFO(size << " ranks: planned " << planned << ", measured " << most);
      CHECK(planned <= most * 1.1);
      CHECK(planned >= most * 0.9);
    };
    near(data, plan.data);
    near(zero1, plan.zero1);
    near(zero2, plan.zero2);
    near(zero3, plan.zero3);
    std::ptrdiff_t const most = *std::max_element(zero3.begin(), zero3.end());
    if (size == 1) alone = most;
    if (size == 4) CHECK(static_cast<double>(most) <= 0.3 * static_cast<double>(alone));
    // The largest piece of memory is a layer, or this rank's part of the whole.
    auto const s = static_cast<std::size_t>(size);
    std::size_t const one_layer = (wide + 200 + 2 * s) * sizeof(float), part = (numbers / s + 1) * sizeof(float);
    for (std::size_t r = 0; r < s; ++r) CHECK(static_cast<std::size_t>(pieces[r]) <= (std::max)(one_layer, part) + 64);
  }
}
