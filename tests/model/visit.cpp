// SPDX-License-Identifier: BSL-1.0
#include <tutti/model/visit.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "five_models.hpp"

namespace {

using listing = std::vector<std::tuple<std::string, std::vector<double>, tutti::role>>;

template <class M>
listing list(M& m) {
  listing all;
  tutti::for_each_tensor(m, [&all](auto t) {
    std::size_t product = 1;
    for (std::size_t extent : t.shape) product *= extent;
    CHECK(product == t.data.size());
    std::vector<double> values;
    for (auto x : t.data) values.push_back(static_cast<double>(x));
    all.emplace_back(std::string(t.name), values, t.kind);
  });
  return all;
}

template <class M>
std::vector<std::string> names(M& m) {
  std::vector<std::string> all;
  tutti::for_each_tensor(m, [&all](auto t) { all.emplace_back(t.name); });
  return all;
}

using text = std::vector<std::string>;

struct layer {
  std::vector<float> weight;
  int steps = 0;
};

// Stands in for LibTorch: parameters are handles, their type is known at run time only.
class fake_handle {
 public:
  explicit fake_handle(std::vector<std::int64_t> shape) : shape_(std::move(shape)) {
    for (auto n : shape_) count_ *= n;
    data_ = std::make_shared<std::vector<float>>(static_cast<std::size_t>(count_), 1.0F);
  }
  void* data_ptr() const { return data_->data(); }
  std::int64_t numel() const { return count_; }
  std::vector<std::int64_t> sizes() const { return shape_; }
  std::size_t element_size() const { return 4; }
  bool is_floating_point() const { return true; }
  bool is_contiguous() const { return contiguous; }
  bool contiguous = true;

 private:
  std::vector<std::int64_t> shape_;
  std::int64_t count_ = 1;
  std::shared_ptr<std::vector<float>> data_;
};
class fake_module {
 public:
  std::vector<std::pair<std::string, fake_handle>> named_parameters() const { return {{"fc.weight", weight}}; }
  std::vector<std::pair<std::string, fake_handle>> named_buffers() const { return {{"bn.mean", mean}}; }
  fake_handle weight{{2, 3}}, mean{{3}};
};
class own_list {
 public:
  std::vector<std::vector<float>*> parameters() { return {&a_, &b_}; }

 private:
  std::vector<float> a_ = {1, 2}, b_ = {3};
};

struct foreign {
  double x = 1;
  foreign(int) {}
};

struct tree {
  float w = 0;
  std::vector<tree> kids;
  std::unique_ptr<tree> left;
};

struct sixty_four {
  float a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3,
      d4, d5, d6, d7, e0, e1, e2, e3, e4, e5, e6, e7, g0, g1, g2, g3, g4, g5, g6, g7, h0, h1, h2, h3, h4, h5, h6, h7,
      i0, i1, i2, i3, i4, i5, i6, i7;
};

struct with_mutex {
  float x = 0;
  std::mutex guard;
};
struct with_pointer {
  float* x = nullptr;
};

}  // namespace

template <>
struct tutti::model_traits<foreign> {
  static void visit(foreign& m, auto&& v) { v("x", m.x, tutti::role::buffer); }
};

TEST_CASE("five ways to write a model give the same names, numbers and roles") {
  using tutti::role;
  listing const expected = {{"layers.0.bias", {7, 8}, role::parameter},
                            {"layers.0.weight", {1, 2, 3, 4, 5, 6}, role::parameter},
                            {"layers.1.bias", {11}, role::parameter},
                            {"layers.1.weight", {9, 10}, role::parameter},
                            {"steps", {12}, role::buffer}};
  auto check = [&expected](auto m) {
    listing mutable_walk = list(m);
    listing const_walk = list(std::as_const(m));
    CHECK(mutable_walk == const_walk);
    std::sort(mutable_walk.begin(), mutable_walk.end());
    CHECK(mutable_walk == expected);
  };
  check(five::plain{});
  check(five::make_containers());
  check(five::behind_boost{});
  check(five::make_eigen());
  check(five::hooked{});
}

TEST_CASE("the spans of a walk are the model's own storage, const where the model is") {
  auto check = [](auto m) {
    tutti::for_each_tensor(m, []<class T>(tutti::tensor<T> t) {
      static_assert(!std::is_const_v<T>);
      for (T& x : t.data) x = T(5);
    });
    tutti::for_each_tensor(std::as_const(m), []<class T>(tutti::tensor<T> t) {
      static_assert(std::is_const_v<T>);
      for (T& x : t.data) CHECK(x == T(5));
    });
  };
  check(five::plain{});
  check(five::make_containers());
  check(five::behind_boost{});
  check(five::make_eigen());
  check(five::hooked{});
}

TEST_CASE("names follow fields, positions and keys; hashed maps are visited in the order of their names") {
  struct everything {
    layer plain_field;
    std::list<layer> many;
    std::unordered_map<int, float> hashed;
    std::optional<float> absent, present;
    std::pair<float, layer> two;
    std::variant<int, float> either;
    std::string title;
  } m;
  m.many.resize(2);
  for (int i = 0; i < 12; ++i) m.hashed[i] = 0;
  m.present = 1.0F;
  CHECK(names(m) == text{"plain_field.weight", "plain_field.steps", "many.0.weight", "many.0.steps", "many.1.weight",
                         "many.1.steps",       "hashed.0",          "hashed.1",      "hashed.10",    "hashed.11",
                         "hashed.2",           "hashed.3",          "hashed.4",      "hashed.5",     "hashed.6",
                         "hashed.7",           "hashed.8",          "hashed.9",      "present",      "two.first",
                         "two.second.weight",  "two.second.steps",  "either"});
  std::vector<float> alone(3);
  CHECK(names(alone) == text{"value"});
}

TEST_CASE("an object behind several shared pointers is visited once") {
  auto tied = std::make_shared<layer>();
  layer other;
  std::tuple<std::shared_ptr<layer>, std::shared_ptr<layer>, std::shared_ptr<layer>> m{tied, tied, nullptr};
  CHECK(names(m) == text{"0.weight", "0.steps"});
  std::tuple n{tied, std::ref(*tied), std::ref(other)};
  CHECK(names(n) == text{"0.weight", "0.steps", "2.weight", "2.steps"});
}

TEST_CASE("a list of parameters is visited by name or by number") {
  fake_module torch;
  CHECK(list(torch) == listing{{"fc.weight", {1, 1, 1, 1, 1, 1}, tutti::role::parameter},
                               {"bn.mean", {1, 1, 1}, tutti::role::buffer}});
  tutti::for_each_tensor(torch, [](auto t) { t.data[0] = {}; });
  CHECK(*static_cast<float*>(torch.weight.data_ptr()) == 0.0F);
  torch.weight.contiguous = false;
  CHECK_THROWS_AS(names(torch), tutti::error);
  own_list own;
  CHECK(list(own) == listing{{"0", {1, 2}, tutti::role::parameter}, {"1", {3}, tutti::role::parameter}});
}

TEST_CASE("model_traits opens a type from outside, and sets roles") {
  foreign m(1);
  CHECK(list(m) == listing{{"x", {1}, tutti::role::buffer}});
}

TEST_CASE("arrays of arrays are one tensor with all extents") {
  std::vector<std::array<std::array<float, 3>, 2>> m(4);
  tutti::for_each_tensor(m, [](auto t) {
    CHECK(std::vector<std::size_t>(t.shape.begin(), t.shape.end()) == std::vector<std::size_t>{4, 2, 3});
  });
}

TEST_CASE("an Eigen view with gaps is refused, one without is not") {
  Eigen::MatrixXf all = Eigen::MatrixXf::Zero(4, 4);
  auto columns = all.middleCols(1, 2);
  CHECK(names(columns).size() == 1);
  auto corner = all.topLeftCorner(2, 2);
  CHECK_THROWS_WITH_AS(names(corner), doctest::Contains("strided"), tutti::error);
  auto row = all.row(1);
  CHECK_THROWS_AS(names(row), tutti::error);
  auto column = all.col(1);
  CHECK(names(column).size() == 1);
}

TEST_CASE("a type may contain itself, and have 64 fields") {
  tree t;
  t.kids.resize(1);
  t.left = std::make_unique<tree>();
  CHECK(names(t) == text{"w", "kids.0.w", "left.w"});
  sixty_four many{};
  CHECK(names(many).size() == 64);
  CHECK(names(many)[63] == "i7");
}

TEST_CASE("the concept knows what a walk can enter") {
  CHECK(tutti::model<float>);
  CHECK(tutti::model<tree>);
  CHECK(tutti::model<five::behind_boost>);
  CHECK_FALSE(tutti::model<std::string>);
  CHECK_FALSE(tutti::model<std::vector<std::string>>);
  CHECK_FALSE(tutti::model<with_mutex>);
  CHECK_FALSE(tutti::model<with_pointer>);
}
