// SPDX-License-Identifier: BSL-1.0
#include <tutti/model/signature.hpp>

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "five_models.hpp"

namespace {

struct net {
  std::vector<float> weight = {1, 2};
  double bias = 3;
};
struct longer {
  std::vector<float> weight = {1, 2};
  double bias = 3;
  int steps = 0;
};
struct other_element {
  std::vector<double> weight = {1, 2};
  double bias = 3;
};
struct other_name {
  std::vector<float> weights = {1, 2};
  double bias = 3;
};

template <class A, class B>
std::string difference(A const& a, B const& b) {
  std::string const words = tutti::first_difference(tutti::signature_of(a), tutti::signature_of(b));
  return words.empty() ? "none" : words;
}

}  // namespace

TEST_CASE("equal models have equal signatures whatever their numbers") {
  net a, b;
  b.weight = {7, 8};
  CHECK(tutti::signature_of(a).tensors == tutti::signature_of(b).tensors);
  CHECK(tutti::signature_of(a).hash == tutti::signature_of(b).hash);
  CHECK(difference(a, b) == "none");
  CHECK(tutti::signature_of(five::behind_boost{}).hash == tutti::signature_of(five::hooked{}).hash);
}

TEST_CASE("each kind of difference changes the hash and is named in one sentence") {
  net a, b;
  b.weight.resize(3);
  CHECK(difference(a, b) == "tensor 'weight' is f32 2 parameter here and f32 3 parameter there");
  CHECK(difference(a, longer{}) == "tensor 'steps' (i32 scalar buffer) exists only there");
  CHECK(difference(longer{}, a) == "tensor 'steps' (i32 scalar buffer) exists only here");
  CHECK(difference(a, other_element{}) == "tensor 'weight' is f32 2 parameter here and f64 2 parameter there");
  CHECK(difference(a, other_name{}) ==
        "tensor 0 is 'weight' (f32 2 parameter) here and 'weights' (f32 2 parameter) there");
  auto hash = [](auto const& m) { return tutti::signature_of(m).hash; };
  CHECK(hash(a) != hash(b));
  CHECK(hash(a) != hash(longer{}));
  CHECK(hash(a) != hash(other_element{}));
  CHECK(hash(a) != hash(other_name{}));
}

TEST_CASE("zip_tensors pairs a model with its gradient, by whatever route each is opened") {
  five::plain a;
  five::plain const gradient;
  tutti::zip_tensors(a, gradient, []<class T, class U>(tutti::tensor<T> x, tutti::tensor<U> y) {
    static_assert(!std::is_const_v<T> && std::is_same_v<T const, U>);
    CHECK(x.name == y.name);
    for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] += y.data[i];
  });
  CHECK(std::get<0>(a.layers).weight[2][1] == 12.0F);
  CHECK(std::get<1>(a.layers).bias == 22.0F);
  CHECK(a.steps == 24);

  five::hooked hook;
  five::behind_boost boost;
  std::size_t pairs = 0;
  tutti::zip_tensors(hook, boost, [&pairs](auto x, auto y) {
    ++pairs;
    CHECK(std::vector(x.data.begin(), x.data.end()) == std::vector(y.data.begin(), y.data.end()));
  });
  CHECK(pairs == 5);
}

TEST_CASE("zip_tensors refuses different models before it touches one") {
  net a, b;
  b.weight.resize(3);
  auto never = [](auto, auto) { FAIL("called"); };
  CHECK_THROWS_WITH_AS(tutti::zip_tensors(a, b, never), doctest::Contains("'weight' is f32 2"), tutti::error);
}
