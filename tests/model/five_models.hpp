// SPDX-License-Identifier: BSL-1.0
// One small network written in five ways: as users have it.
#pragma once

#include <tutti/boost.hpp>

#include <Eigen/Core>
#include <boost/serialization/map.hpp>
#include <boost/serialization/unordered_map.hpp>
#include <boost/serialization/vector.hpp>
#include <map>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace five {

// 1. plain aggregates
struct plain_first {
  float weight[3][2] = {{1, 2}, {3, 4}, {5, 6}};
  float bias[2] = {7, 8};
};
struct plain_second {
  float weight[2] = {9, 10};
  float bias = 11;
};
struct plain {
  std::tuple<plain_first, plain_second> layers;
  int steps = 12;
};

// 2. nothing but nested containers
using layer_map = std::map<std::string, std::vector<float>>;
using containers = std::map<std::string, std::variant<std::vector<layer_map>, int>>;
inline containers make_containers() {
  return {{"layers", std::vector<layer_map>{{{"weight", {1, 2, 3, 4, 5, 6}}, {"bias", {7, 8}}},
                                            {{"weight", {9, 10}}, {"bias", {11}}}}},
          {"steps", 12}};
}

// 3. private members behind Boost's serialize, with names
class boost_layer {
 public:
  boost_layer() = default;
  boost_layer(std::vector<float> w, std::vector<float> b) : w_(std::move(w)), b_(std::move(b)) {}

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, unsigned int) {
    ar& boost::serialization::make_nvp("weight", w_);
    ar& boost::serialization::make_nvp("bias", b_);
  }
  std::vector<float> w_, b_;
};
class behind_boost {
 public:
  behind_boost() : layers_{{{1, 2, 3, 4, 5, 6}, {7, 8}}, {{9, 10}, {11}}} {}

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, unsigned int) {
    ar& boost::serialization::make_nvp("layers", layers_);
    ar& boost::serialization::make_nvp("steps", steps_);
  }
  std::vector<boost_layer> layers_;
  int steps_ = 12;
};

// 4. Eigen members
struct eigen_layer {
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> weight;
  Eigen::VectorXf bias;
};
struct eigen {
  std::vector<eigen_layer> layers;
  int steps = 12;
};
inline eigen make_eigen() {
  eigen m;
  m.layers.resize(2);
  m.layers[0].weight.resize(3, 2);
  m.layers[0].weight << 1, 2, 3, 4, 5, 6;
  m.layers[0].bias.resize(2);
  m.layers[0].bias << 7, 8;
  m.layers[1].weight.resize(1, 2);
  m.layers[1].weight << 9, 10;
  m.layers[1].bias.resize(1);
  m.layers[1].bias << 11;
  return m;
}

// 5. a class with the hook
class hooked_layer {
 public:
  hooked_layer(std::vector<float> w, std::vector<float> b) : w_(std::move(w)), b_(std::move(b)) {}
  hooked_layer() = default;
  friend void tutti_visit(hooked_layer& m, auto&& v) {
    v("weight", m.w_);
    v("bias", m.b_);
  }

 private:
  std::vector<float> w_, b_;
};
class hooked {
 public:
  hooked() : layers_{{{1, 2, 3, 4, 5, 6}, {7, 8}}, {{9, 10}, {11}}} {}
  friend void tutti_visit(hooked& m, auto&& v) {
    v("layers", m.layers_);
    v("steps", m.steps_);
  }

 private:
  std::vector<hooked_layer> layers_;
  int steps_ = 12;
};

}  // namespace five
