// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/fold.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

namespace te = tutti::engine;

/// Not commutative, so that left and right cannot be confused.
struct twice_left {
  std::int64_t operator()(std::int64_t a, std::int64_t b) const { return 2 * a - b; }
};
struct twice_left_on_spans {
  void operator()(std::span<std::int64_t> acc, std::span<std::int64_t const> in) const {
    for (std::size_t i = 0; i < acc.size(); ++i) acc[i] = 2 * acc[i] - in[i];
  }
};

template <class T, class Op>
void apply(Op const& op, std::vector<T>& out, std::vector<T> const& left, std::vector<T> const& right) {
  te::reducer const r = te::make_reducer<T>(op);
  r.apply(r.op, std::as_writable_bytes(std::span(out)).data(), std::as_bytes(std::span(left)).data(),
          std::as_bytes(std::span(right)).data(), right.size());
}

template <class Op>
void folds_anywhere() {
  for (std::size_t const n : {0U, 1U, 63U, 64U, 65U, 128U, 511U, 512U, 513U, 2000U}) {
    CAPTURE(n);
    std::vector<std::int64_t> left(n);
    std::vector<std::int64_t> right(n);
    std::vector<std::int64_t> expected(n);
    for (std::size_t i = 0; i < n; ++i) {
      left[i] = static_cast<std::int64_t>(i * i);
      right[i] = static_cast<std::int64_t>(1000 - 3 * i);
      expected[i] = left[i] + left[i] - right[i];
    }
    std::vector<std::int64_t> out(n);
    apply(Op{}, out, left, right);
    CHECK(out == expected);
    auto same = left;
    apply(Op{}, same, same, right);
    CHECK(same == expected);
    same = right;
    apply(Op{}, same, left, same);
    CHECK(same == expected);
  }
}

TEST_CASE("fold: left before right, whether the result goes elsewhere, over the left or over the right") {
  folds_anywhere<twice_left>();
}
TEST_CASE("fold: the same for an operation on spans") { folds_anywhere<twice_left_on_spans>(); }

TEST_CASE("fold: an operation is called with its own state") {
  std::vector<std::int64_t> const factors{10};
  auto const op = [&factors](std::int64_t a, std::int64_t b) { return factors[0] * a + b; };
  std::vector<std::int64_t> out{1, 2};
  apply(op, out, out, {3, 4});
  CHECK(out == std::vector<std::int64_t>{13, 24});
}

struct huge {
  std::array<std::uint8_t, 20'000'000> bytes;
};
struct huge_on_spans {
  void operator()(std::span<huge> acc, std::span<huge const> in) const {
    for (std::size_t i = 0; i < acc.size(); ++i)
      for (std::size_t k = 0; k < acc[i].bytes.size(); k += 1'000'000)
        acc[i].bytes[k] = static_cast<std::uint8_t>(2 * acc[i].bytes[k] - in[i].bytes[k]);
  }
};

TEST_CASE("fold: an element larger than any stack, over its right side") {
  std::vector<huge> left(1);
  std::vector<huge> right(1);
  left[0].bytes.fill(7);
  right[0].bytes.fill(4);
  apply(huge_on_spans{}, right, left, right);
  CHECK(right[0].bytes[0] == 10);
  CHECK(right[0].bytes[19'000'000] == 10);
}

TEST_CASE("fold: objects are joined in rank order along the bracket") {
  auto const join = [](std::string const& a, std::string const& b) { return "(" + a + b + ")"; };
  std::vector<std::string> const letters{"a", "b", "c", "d", "e", "f", "g"};
  std::span<std::string const> const all(letters);
  CHECK(te::fold_objects(all.first(1), join) == "a");
  CHECK(te::fold_objects(all.first(3), join) == "((ab)c)");
  CHECK(te::fold_objects(all.first(5), join) == "(((ab)(cd))e)");
  CHECK(te::fold_objects(all, join) == "(((ab)(cd))((ef)g))");
  CHECK(te::fold_objects(all, tutti::sum) == "abcdefg");
}

TEST_CASE("fold: std::plus is sum, also where elements are rounded once; std::plus of another type is itself") {
  CHECK(te::make_reducer<tutti::half>(std::plus<>{}).wide());
  CHECK(te::make_reducer<tutti::half>(std::multiplies<tutti::half>{}).wide());
  CHECK_FALSE(te::make_reducer<tutti::half>(tutti::max).wide());
  CHECK(tutti::detail::stands_for_another<std::plus<>, int>);
  CHECK_FALSE(tutti::detail::stands_for_another<std::plus<int>, float>);  // it would cut the fractions off
}

}  // namespace
