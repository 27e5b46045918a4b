// SPDX-License-Identifier: BSL-1.0
// The 784-64(relu)-10 classifier: plain structs of vectors, and the passes over the samples of a slot, layer by layer.
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

/// Weights are column-major, outputs x inputs.
template <class Scalar>
struct basic_layer {
  std::vector<Scalar> weight, bias;
};
template <class Scalar>
[[nodiscard]] basic_layer<Scalar> layer_of(std::size_t inputs, std::size_t outputs) {
  return {std::vector<Scalar>(inputs * outputs), std::vector<Scalar>(outputs)};
}

/// The whole model. It knows nothing of tutti: tutti sees four named tensors because it is a plain aggregate. Its
/// gradient is the same struct.
template <class Scalar>
struct basic_network {
  basic_layer<Scalar> first = layer_of<Scalar>(pixels, hidden);
  basic_layer<Scalar> last = layer_of<Scalar>(hidden, classes);
};
using layer = basic_layer<float>;
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
  fill(model.first.weight, pixels + hidden);
  fill(model.last.weight, hidden + classes);
  return model;
}

// Eigen's bits depend on the alignment of its operands and on their width, so both are fixed here: every matrix is a
// pass's own, aligned, and `width` columns wide, however few of them are in use. A sample's gradient then is the same
// on whatever rank it is computed, and whichever rank computes the other layer.

template <class Scalar>
using matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

/// A copy of a layer's weights for the passes to use.
template <class Scalar>
struct weights {
  matrix<Scalar> weight;
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> bias;
  void load(basic_layer<Scalar> const& from) {
    bias = Eigen::Map<decltype(bias) const>(from.bias.data(), static_cast<Eigen::Index>(from.bias.size()));
    auto const rows = bias.size();
    weight = Eigen::Map<matrix<Scalar> const>(from.weight.data(), rows,
                                              static_cast<Eigen::Index>(from.weight.size()) / rows);
  }
};

/// What the passes of one layer over up to `width` samples keep: what went in and what came out, a column per sample.
template <class Scalar>
class layer_passes {
 protected:
  layer_passes(std::size_t inputs, std::size_t outputs, std::size_t width)
      : input_(inputs, width), output_(outputs, width) {}
  /// From the gradient by the sums W x + b.
  void sum_gradients(matrix<Scalar> const& by_sums, basic_layer<Scalar>& gradient) {
    product_.noalias() = by_sums * input_.transpose();
    Eigen::Map<matrix<Scalar>>(gradient.weight.data(), product_.rows(), product_.cols()) = product_;
    Eigen::Map<Eigen::Matrix<Scalar, Eigen::Dynamic, 1>>(gradient.bias.data(), by_sums.rows()) =
        by_sums.rowwise().sum();
  }
  matrix<Scalar> input_, output_, product_;
};

/// Pixels to relu(W x + b).
template <class Scalar>
class first_layer : layer_passes<Scalar> {
  using layer_passes<Scalar>::input_;
  using layer_passes<Scalar>::output_;

 public:
  explicit first_layer(std::size_t width) : layer_passes<Scalar>(pixels, hidden, width), back_(hidden, width) {}
  [[nodiscard]] std::size_t width() const { return static_cast<std::size_t>(input_.cols()); }

  template <class Ids>
  matrix<Scalar> const& forward(weights<Scalar> const& w, image_set const& set, Ids const& ids) {
    Eigen::Index column = 0;
    for (auto const id : ids) {
      std::uint8_t const* const image = set.image(static_cast<std::size_t>(id));
      Scalar* const to = input_.col(column++).data();
      for (std::size_t p = 0; p < pixels; ++p) to[p] = static_cast<Scalar>(image[p]) * (Scalar{1} / Scalar{255});
    }
    input_.rightCols(input_.cols() - column).setZero();
    output_.noalias() = w.weight * input_;
    output_ = (output_.colwise() + w.bias).cwiseMax(Scalar{0});
    return output_;
  }
  /// What forward() returned last.
  [[nodiscard]] matrix<Scalar> const& output() const { return output_; }
  /// `by_output`: the gradient by output(), of its size. Overwrites `gradient` with the sum over
  /// the samples.
  template <class Columns>
  void backward(Columns const& by_output, basic_layer<Scalar>& gradient) {
    back_ = (output_.array() > Scalar{0}).select(by_output, Scalar{0});
    this->sum_gradients(back_, gradient);
  }

 private:
  matrix<Scalar> back_;
};

/// What the first layer returns to logits, and these to losses.
template <class Scalar>
class last_layer : layer_passes<Scalar> {
  using layer_passes<Scalar>::input_;
  using layer_passes<Scalar>::output_;

 public:
  explicit last_layer(std::size_t width) : layer_passes<Scalar>(hidden, classes, width), back_(hidden, width) {}

  /// `in`: of the size of what the first layer returns. One column of logits for each sample.
  template <class Columns>
  matrix<Scalar> const& forward(weights<Scalar> const& w, Columns const& in) {
    input_ = in;
    output_.noalias() = w.weight * input_;
    output_.colwise() += w.bias;
    return output_;
  }
  /// From the logits to the sum and number of the losses of the samples `ids`; the sum of their gradients overwrites
  /// `gradient`. Returns the losses; by_input() is the gradient by `in`.
  template <class Ids>
  tutti::summed backward(weights<Scalar> const& w, image_set const& set, Ids const& ids,
                         basic_layer<Scalar>& gradient) {
    tutti::summed loss;
    Eigen::Index column = 0;
    for (auto const id : ids) {
      std::span<Scalar> const z(output_.col(column++).data(), classes);  // the logits give way to their gradient
      loss += tutti::loss::softmax_cross_entropy(z, set.labels[static_cast<std::size_t>(id)], z);
    }
    output_.rightCols(output_.cols() - column).setZero();  // unused columns teach nothing
    back_.noalias() = w.weight.transpose() * output_;
    this->sum_gradients(output_, gradient);
    return loss;
  }
  [[nodiscard]] matrix<Scalar> const& by_input() const { return back_; }

 private:
  matrix<Scalar> back_;
};

/// Both layers, for up to `width` samples at a time.
template <class Scalar>
class workspace {
 public:
  explicit workspace(std::size_t width) : first_(width), last_(width) {}

  [[nodiscard]] std::size_t width() const { return first_.width(); }

  /// Takes a copy of the weights that the following passes use.
  void load(basic_network<Scalar> const& model) {
    first_weights_.load(model.first);
    last_weights_.load(model.last);
  }

  /// Overwrites `gradient` with the SUM, not the mean, of the gradients of the cross-entropy over the samples `ids` of
  /// `set`, at most width() of them; returns the sum and number of their losses.
  template <class Ids>
  tutti::summed sum_gradients(image_set const& set, Ids const& ids, basic_network<Scalar>& gradient) {
    last_.forward(last_weights_, first_.forward(first_weights_, set, ids));
    tutti::summed const loss = last_.backward(last_weights_, set, ids, gradient.last);
    first_.backward(last_.by_input(), gradient.first);
    return loss;
  }

  /// How many of the samples `ids`, at most width(), get their largest score where their label is.
  template <class Ids>
  [[nodiscard]] tutti::summed accuracy(image_set const& set, Ids const& ids) {
    auto const& logits = last_.forward(last_weights_, first_.forward(first_weights_, set, ids));
    tutti::summed correct;
    Eigen::Index column = 0;
    for (auto const id : ids) {
      std::span<Scalar const> const z(logits.col(column++).data(), classes);
      correct += tutti::metric::accuracy(z, set.labels[static_cast<std::size_t>(id)]);
    }
    return correct;
  }

 private:
  weights<Scalar> first_weights_, last_weights_;
  first_layer<Scalar> first_;
  last_layer<Scalar> last_;
};

}  // namespace fashion_mnist
