// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/memory.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include <tutti/engine/program.hpp>
#include <tutti/plan/choose.hpp>

namespace {

namespace te = tutti::engine;
namespace plan = tutti::plan;

/// Rank 0 of three in the direct allreduce: two windows, parts of `part` elements of `unit` bytes.
struct call {
  explicit call(std::size_t unit, std::size_t part = 40000)
      : ready(te::prepare(plan::find(plan::collective::allreduce, tutti::algorithm::direct, 3)
                              ->write({plan::collective::allreduce, tutti::algorithm::direct, 0, 3, 0, {}}))),
        offsets{0, part * unit, 2 * part * unit, 3 * part * unit},
        output(3 * part * unit) {
    bound.offsets = offsets;
    bound.output = output;
    bound.element_size = unit;
    where.bind(ready, bound);
  }
  te::program ready;
  std::array<std::uint64_t, 4> offsets;
  std::vector<std::byte> output;
  te::binding bound{};
  te::memory where;
};

plan::block window(te::program const& p) {
  for (plan::step const& s : p.what.steps)
    if (s.what == plan::verb::recv && s.at.where == plan::buffer::scratch) return s.at;
  FAIL("no window in this plan");
  return {};
}

}  // namespace

TEST_CASE("a granule is whole elements, between 4 and 512 KiB where an element allows") {
  for (std::size_t const unit : std::array<std::size_t, 5>{1, 3, 4, 24, 5000}) {
    call c(unit, 40);
    CHECK(c.where.granule() % unit == 0);
    CHECK(c.where.granule() <= 524288);
    CHECK(c.where.granule() + unit > 4096);
  }
  CHECK(call(600000, 2).where.granule() == 600000);
  CHECK(plan::granule(64, 4) == 16384);
  CHECK(plan::granule(1024, 4) == 4096);
}

TEST_CASE("a window wraps after one granule, and has room for what its reader has left behind") {
  call c(24);
  plan::block const w = window(c.ready);
  std::size_t const g = c.where.granule();
  REQUIRE(c.where.is_window(w));
  CHECK(c.where.address(w, g) == c.where.address(w, 0));
  CHECK(c.where.address(w, g + 5) == c.where.address(w, 0) + 5);
  CHECK(reinterpret_cast<std::uintptr_t>(c.where.address(w, 0)) % te::arena::alignment == 0);
  CHECK(c.where.room(w, 0, 0) == g);
  CHECK(c.where.room(w, 10, 0) == g - 10);
  CHECK(c.where.room(w, g, 0) == 0);
  CHECK(c.where.room(w, g, 48) == 48);
  CHECK(c.where.room(w, g + 24, g) == g - 24);
}

TEST_CASE("the caller's buffer is used where it lies, and a repeated call lays the same memory out again") {
  call c(4);
  plan::block const out{plan::buffer::output, 0, 0, 3};
  CHECK(c.where.address(out, 400) == c.output.data() + 400);
  CHECK(c.where.read_address(out, 0) == c.output.data());
  std::byte* const before = c.where.address(window(c.ready), 0);
  c.where.bind(c.ready, c.bound);
  CHECK(c.where.address(window(c.ready), 0) == before);
}
