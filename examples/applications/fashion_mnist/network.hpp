// SPDX-License-Identifier: BSL-1.0
// The 784-64(relu)-10 classifier: a plain struct of vectors, and one pass over the samples of a slot.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tutti/train/loss.hpp>
#include <tutti/train/metric.hpp>
#include <vector>

#include "dataset.hpp"

namespace fashion_mnist {

inline constexpr std::size_t hidden = 64;

/// The whole model. It knows nothing of tutti: tutti sees four named tensors because it is a plain aggregate. Its
/// gradient is the same struct. Matrices are column-major, outputs x inputs.
template <class Scalar>
struct basic_network {
  std::vector<Scalar> weight1 = std::vector<Scalar>(hidden * pixels);
  std::vector<Scalar> bias1 = std::vector<Scalar>(hidden);
  std::vector<Scalar> weight2 = std::vector<Scalar>(classes * hidden);
  std::vector<Scalar> bias2 = std::vector<Scalar>(classes);
};
using network = basic_network<float>;

/// Glorot and Bengio's uniform weights (2010), zero biases; the same numbers on every platform for the same seed.
template <class Scalar = float>
[[nodiscard]] basic_network<Scalar> initial_network(std::uint64_t seed) {
  basic_network<Scalar> model;
  random_source source(seed);
  auto const fill = [&](std::vector<Scalar>& weights, std::size_t inputs_and_outputs) {
    double const limit = std::sqrt(6.0 / static_cast<double>(inputs_and_outputs));
    for (auto& w : weights) w = static_cast<Scalar>(source.uniform(-limit, limit));
  };
  fill(model.weight1, pixels + hidden);
  fill(model.weight2, hidden + classes);
  return model;
}

/// Forward and backward passes over up to `width` samples at a time. Eigen's bits depend on the alignment of its
/// operands and on their width, so both are fixed here: every matrix is the workspace's own, aligned, and `width`
/// columns wide, however few of them are in use. A sample's gradient then is the same on whatever rank it is computed.
template <class Scalar>
class workspace {
 public:
  using matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  explicit workspace(std::size_t width)
      : input_(pixels, width), hidden_(hidden, width), output_(classes, width), back_(hidden, width) {}

  [[nodiscard]] std::size_t width() const { return static_cast<std::size_t>(input_.cols()); }

  /// Takes a copy of the weights that the following passes use.
  void load(basic_network<Scalar> const& model) {
    weight1_ = view(model.weight1, hidden, pixels);
    bias1_ = view(model.bias1, hidden, 1);
    weight2_ = view(model.weight2, classes, hidden);
    bias2_ = view(model.bias2, classes, 1);
  }

  /// Overwrites `gradient` with the SUM, not the mean, of the gradients of the cross-entropy over the samples `ids` of
  /// `set`, at most width() of them; returns the sum and number of
  /// their losses.
  template <class Ids>
  tutti::summed sum_gradients(image_set const& set, Ids const& ids, basic_network<Scalar>& gradient) {
    std::size_t const used = forward(set, ids);
    tutti::summed loss;
    std::size_t column = 0;
    for (auto const id : ids) {
      auto const z = scores(column++);  // the logits give way to their gradient
      loss += tutti::loss::softmax_cross_entropy(z, set.labels[static_cast<std::size_t>(id)], z);
    }
    output_.rightCols(output_.cols() - static_cast<Eigen::Index>(used)).setZero();  // unused columns teach nothing

    back_.noalias() = weight2_.transpose() * output_;
    back_ = (hidden_.array() > Scalar{0}).select(back_, Scalar{0});
    product_.noalias() = output_ * hidden_.transpose();
    view(gradient.weight2, classes, hidden) = product_;
    view(gradient.bias2, classes, 1) = output_.rowwise().sum();
    product_.noalias() = back_ * input_.transpose();
    view(gradient.weight1, hidden, pixels) = product_;
    view(gradient.bias1, hidden, 1) = back_.rowwise().sum();
    return loss;
  }

  /// How many of the samples `ids`, at most width(), get their largest score where their label is.
  template <class Ids>
  [[nodiscard]] tutti::summed accuracy(image_set const& set, Ids const& ids) {
    forward(set, ids);
    tutti::summed correct;
    std::size_t column = 0;
    for (auto const id : ids) {
      correct += tutti::metric::accuracy(scores(column++), set.labels[static_cast<std::size_t>(id)]);
    }
    return correct;
  }

 private:
  static auto view(std::vector<Scalar>& v, std::size_t rows, std::size_t cols) {
    return Eigen::Map<matrix>(v.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols));
  }
  static auto view(std::vector<Scalar> const& v, std::size_t rows, std::size_t cols) {
    return Eigen::Map<matrix const>(v.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols));
  }

  /// Fills input_ and hidden_, and output_ with the logits; returns the number of samples.
  template <class Ids>
  std::size_t forward(image_set const& set, Ids const& ids) {
    Eigen::Index column = 0;
    for (auto const id : ids) {
      std::uint8_t const* const image = set.image(static_cast<std::size_t>(id));
      Scalar* const to = input_.col(column++).data();
      for (std::size_t p = 0; p < pixels; ++p) to[p] = static_cast<Scalar>(image[p]) * (Scalar{1} / Scalar{255});
    }
    input_.rightCols(input_.cols() - column).setZero();
    hidden_.noalias() = weight1_ * input_;
    hidden_ = (hidden_.colwise() + bias1_).cwiseMax(Scalar{0});
    output_.noalias() = weight2_ * hidden_;
    output_.colwise() += bias2_;
    return static_cast<std::size_t>(column);
  }

  std::span<Scalar> scores(std::size_t column) {
    return {output_.col(static_cast<Eigen::Index>(column)).data(), classes};
  }

  matrix weight1_, weight2_, product_;
  vector bias1_, bias2_;
  matrix input_, hidden_, output_, back_;
};

}  // namespace fashion_mnist
