// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/arguments.hpp>

#include <tutti/collective/allgather.hpp>

#include <doctest/doctest.h>

#include <Eigen/Core>
#include <array>
#include <complex>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct record {
  int a = 0;
  double b = 0;
};
struct addable {
  int a = 0;
  friend addable operator+(addable x, addable y) { return {x.a + y.a}; }
};
struct network {
  std::vector<float> weight;
  float bias[2] = {};
};

template <class T, class Op = tutti::sum_op>
constexpr int kinds = int{tutti::buffer<T>} + int{tutti::value<T, Op>} + int{tutti::model_argument<T, Op>};

TEST_CASE("arguments: ranges of elements are buffers") {
  CHECK(tutti::buffer<std::vector<int>>);
  CHECK(tutti::buffer<std::vector<record>>);
  CHECK(tutti::buffer<std::array<bool, 3>>);
  CHECK(tutti::buffer<std::span<std::byte>>);
  CHECK(tutti::buffer<int[4]>);
  CHECK(tutti::buffer<std::vector<std::complex<float>>>);
  CHECK(tutti::buffer<Eigen::MatrixXf>);
  CHECK(tutti::buffer<Eigen::Map<Eigen::VectorXd>>);
  CHECK(tutti::buffer<Eigen::Block<Eigen::MatrixXf>>);
}

TEST_CASE("arguments: text, bits, containers of containers, and lists are no buffers") {
  CHECK_FALSE(tutti::buffer<std::string>);
  CHECK_FALSE(tutti::buffer<std::string_view>);
  CHECK_FALSE(tutti::buffer<char[6]>);
  CHECK_FALSE(tutti::buffer<std::vector<bool>>);
  CHECK_FALSE(tutti::buffer<std::vector<std::string>>);
  CHECK_FALSE(tutti::buffer<std::map<int, int>>);
  CHECK_FALSE(tutti::buffer<std::vector<int*>>);
  CHECK_FALSE(tutti::buffer<int>);
}

TEST_CASE("arguments: what is const cannot be written") {
  CHECK(tutti::writable_buffer<std::vector<int>&>);
  CHECK(tutti::writable_buffer<std::vector<int>>);
  CHECK(tutti::writable_buffer<std::span<int> const&>);
  CHECK_FALSE(tutti::writable_buffer<std::vector<int> const&>);
  CHECK_FALSE(tutti::writable_buffer<std::span<int const>>);
  CHECK_FALSE(tutti::writable_buffer<int const(&)[3]>);
  CHECK_FALSE(tutti::writable_buffer<Eigen::MatrixXf const&>);
}

TEST_CASE("arguments: every type is of one kind at most") {
  CHECK(kinds<std::vector<int>> == 1);
  CHECK(kinds<int> == 1);
  CHECK(tutti::value<int, tutti::sum_op>);
  CHECK(kinds<double> == 1);
  CHECK(tutti::value<addable, tutti::sum_op>);
  CHECK(kinds<addable> == 1);
  CHECK((addable{1} + addable{2}).a == 3);
  CHECK(tutti::value<std::complex<double>, tutti::prod_op>);
  CHECK_FALSE(tutti::value<std::complex<double>, tutti::min_op>);
  CHECK_FALSE(tutti::value<record, tutti::sum_op>);
  CHECK(tutti::model_argument<network, tutti::sum_op>);
  CHECK(kinds<network> == 1);
  CHECK(tutti::model_argument<std::map<std::string, std::vector<float>>, tutti::sum_op>);
  CHECK(kinds<std::vector<std::vector<float>>> == 1);
  CHECK(kinds<Eigen::MatrixXf> == 1);
}

TEST_CASE("arguments: objects are what the archive carries, and no buffers") {
  CHECK(tutti::object<std::string>);
  CHECK(tutti::object<std::map<int, std::string>>);
  CHECK(tutti::object<network>);
  CHECK(tutti::object<int>);
  CHECK_FALSE(tutti::object<std::vector<int>>);
}

TEST_CASE("arguments: only an rvalue comes back") {
  CHECK(std::is_void_v<tutti::in_place_result<std::vector<int>&>>);
  CHECK(std::is_same_v<tutti::in_place_result<std::vector<int>>, std::vector<int>>);
}

TEST_CASE("arguments: in pieces, everything is moved once, in order, a piece of each at a time") {
  using tutti::detail::piece;
  std::vector<std::uint64_t> const lengths{0, 1, piece, piece + 1, 3 * piece};
  std::vector<std::uint64_t> moved(lengths.size());
  std::vector<int> stages;
  tutti::detail::in_pieces(lengths, [&](std::vector<std::uint64_t> const& now, std::uint8_t stage) {
    stages.push_back(stage);
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < now.size(); ++i) {
      CHECK(now[i] <= piece);
      moved[i] += now[i];
      any += now[i];
    }
    CHECK(any > 0);
  });
  CHECK(moved == lengths);
  CHECK(stages == std::vector<int>{1, 2, 3});
}

TEST_CASE("arguments: rounds are numbered from 1 again after 255, never 0: that is the counts' number") {
  std::vector<int> stages;
  tutti::detail::in_pieces({260 * tutti::detail::piece},
                           [&](auto const&, std::uint8_t stage) { stages.push_back(stage); });
  REQUIRE(stages.size() == 260);
  CHECK(stages[254] == 255);
  CHECK(stages[255] == 1);
  CHECK(stages[259] == 5);
}

TEST_CASE("arguments: lengths that no memory can hold are refused before they are added up") {
  CHECK_THROWS_AS((void)tutti::detail::total({~std::uint64_t{0}, 2}, 1), tutti::error);
  CHECK_THROWS_AS((void)tutti::detail::total({std::uint64_t{1} << 61U}, 8), tutti::error);
  CHECK(tutti::detail::total({3, 0, 4}, 8) == 7);
}

}  // namespace
