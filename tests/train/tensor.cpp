// SPDX-License-Identifier: BSL-1.0
#include <tutti/train/tensor.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include <tutti/shard/reshard.hpp>
#include <tutti/train/sgd.hpp>
#include <tutti/train/split_cross_entropy.hpp>

namespace {

using tutti::communicator;
using tutti::partial;
using tutti::redistribute;
using tutti::replicated;
using tutti::split;

struct dp;
struct tp;

// What the types of a forward and a backward pass say about communication.
using rows_of_x = split<dp, 0, replicated<tp, float>>;
using columns_of_w = replicated<dp, split<tp, 1, float>>;
static_assert(std::is_same_v<decltype(matmul(rows_of_x{}, columns_of_w{})), split<dp, 0, split<tp, 1, float>>>);

/// A number in (-0.5, 0.5) for every place of every tensor.
double number(unsigned tensor, std::size_t i) {
  std::uint64_t const h = (i + 1) * 0x9e3779b97f4a7c15ULL + tensor * 0xbf58476d1ce4e5b9ULL;
  return static_cast<double>((h ^ h >> 31U) * 0x94d049bb133111ebULL >> 11U) / 9007199254740992.0 - 0.5;
}

struct matrix {
  std::size_t rows, columns;
  std::vector<double> at{};
  matrix(std::size_t r, std::size_t c, unsigned tensor = 0) : rows(r), columns(c), at(r * c) {
    for (std::size_t i = 0; tensor != 0 && i < at.size(); ++i) at[i] = static_cast<float>(number(tensor, i));
  }
  double& operator()(std::size_t i, std::size_t j) { return at[i * columns + j]; }
  double operator()(std::size_t i, std::size_t j) const { return at[i * columns + j]; }
};

/// The serial network of textbooks, in double: x - hidden (relu) - logits, cross-entropy summed over the samples.
struct serial {
  matrix x, w1, b1, w2, b2, h, z, by_x, by_w1, by_b1, by_w2, by_b2;
  double loss = 0;

  serial(std::size_t samples, std::size_t in, std::size_t hidden, std::size_t out)
      : x(samples, in, 1),
        w1(in, hidden, 2),
        b1(1, hidden, 3),
        w2(hidden, out, 4),
        b2(1, out, 5),
        h(samples, hidden),
        z(samples, out),
        by_x(samples, in),
        by_w1(in, hidden),
        by_b1(1, hidden),
        by_w2(hidden, out),
        by_b2(1, out) {
    for (std::size_t s = 0; s < samples; ++s) {
      for (std::size_t j = 0; j < hidden; ++j) {
        double sum = b1(0, j);
        for (std::size_t i = 0; i < in; ++i) sum += x(s, i) * w1(i, j);
        h(s, j) = sum > 0 ? sum : 0;
      }
      double all = 0;
      for (std::size_t k = 0; k < out; ++k) {
        z(s, k) = b2(0, k);
        for (std::size_t j = 0; j < hidden; ++j) z(s, k) += h(s, j) * w2(j, k);
        all += std::exp(z(s, k));
      }
      loss += std::log(all) - z(s, label(s));
      for (std::size_t k = 0; k < out; ++k) {
        double const by_z = std::exp(z(s, k)) / all - (k == label(s) ? 1 : 0);
        by_b2(0, k) += by_z;
        for (std::size_t j = 0; j < hidden; ++j) by_w2(j, k) += h(s, j) * by_z;
      }
      for (std::size_t j = 0; j < hidden; ++j) {
        double by_h = 0;
        for (std::size_t k = 0; k < out; ++k) by_h += w2(j, k) * (std::exp(z(s, k)) / all - (k == label(s) ? 1 : 0));
        if (h(s, j) <= 0) continue;
        by_b1(0, j) += by_h;
        for (std::size_t i = 0; i < in; ++i) {
          by_w1(i, j) += x(s, i) * by_h;
          by_x(s, i) += w1(i, j) * by_h;
        }
      }
    }
  }
  [[nodiscard]] std::size_t label(std::size_t sample) const { return sample * 7 % z.columns; }
};

/// The largest difference between what is here and its part of the whole.
template <class P>
double difference(P const& here, matrix const& whole) {
  double most = here.layout().shape.size() == 1 ? 0 : std::abs(double(here.shape()[0]) - double(whole.rows));
  for (std::size_t i = 0; i < here.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(here[i]) - whole.at[here.layout().index_in_whole(i)]));
  return most;
}
template <class P>
void fill(P& here, matrix const& whole) {
  for (std::size_t i = 0; i < here.size(); ++i) here[i] = static_cast<float>(whole.at[here.layout().index_in_whole(i)]);
}
template <class P>
void relu(P& x) {
  for (float& v : x) v = v > 0 ? v : 0;
}
template <class P>
void relu_backward(P& gradient, P const& output) {
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = output[i] > 0 ? gradient[i] : 0;
}

struct network {
  tutti::column_linear<tp, float> first;
  tutti::row_linear<tp, float> second;
};

TEST_CASE("tensor: a column-row pair is the serial network, with one allreduce forward and one backward") {
  for (int const p : {1, 2, 3, 4})
    for (std::size_t const hidden : {std::size_t{64}, std::size_t{3}})
      tutti::testing::run_ranks(p, [hidden](communicator& world) {
        serial const one(9, 5, hidden, 10);
        auto g = world.grid<tp>(world.size());
        network model{{g, 5, hidden}, {g, hidden, 10}};
        fill(model.first.weight, one.w1);
        fill(model.first.bias, one.b1);
        fill(model.second.weight, one.w2);
        fill(model.second.bias, one.b2);
        replicated<tp, float> x(g, {9, 5});
        replicated<tp, int> labels(g, {9});
        fill(x, one.x);
        for (std::size_t i = 0; i < 9; ++i) labels[i] = static_cast<int>(one.label(i));

        auto const calls = [&] { return g.along<tp>().stats().calls; };
        auto h = model.first.forward(x);
        relu(h);
        CHECK(calls() == 0);
        auto const z = redistribute<replicated<tp>>(g, model.second.forward(h));
        CHECK(calls() == 1);
        CHECK(difference(z, one.z) < 1e-5);
        auto const [loss, by_z] = tutti::loss::softmax_cross_entropy(g, z, labels);
        CHECK(loss.sum == doctest::Approx(one.loss).epsilon(1e-5));

        network gradient;
        gradient.second = model.second.gradient(h, by_z);
        auto by_h = model.second.backward(by_z);
        relu_backward(by_h, h);
        gradient.first = model.first.gradient(x, by_h);
        auto const by_x = redistribute<replicated<tp>>(g, model.first.backward(by_h));
        CHECK(calls() == 2);
        CHECK(difference(gradient.first.weight, one.by_w1) < 1e-5);
        CHECK(difference(gradient.first.bias, one.by_b1) < 1e-5);
        CHECK(difference(gradient.second.weight, one.by_w2) < 1e-5);
        CHECK(difference(gradient.second.bias, one.by_b2) < 1e-5);
        CHECK(difference(by_x, one.by_x) < 1e-5);

        tutti::sgd{.lr = 1}.step(model, gradient);  // every optimiser takes the shards as they are
        for (std::size_t i = 0; i < model.first.weight.size(); ++i) {
          std::size_t const at = model.first.weight.layout().index_in_whole(i);
          CHECK(std::abs(double(model.first.weight[i]) - (one.w1.at[at] - one.by_w1.at[at])) < 1e-5);
        }
      });
}

TEST_CASE(
    "tensor: on a grid of data and model, the gradients of replicated weights are terms, and sum to the serial ones") {
  tutti::testing::run_ranks(6, [](communicator& world) {
    serial const one(7, 5, 8, 4);
    auto g = world.grid<tp, dp>(2, 3);
    tutti::column_linear<tp, replicated<dp, float>> first(g, 5, 8);
    tutti::row_linear<tp, replicated<dp, float>> second(g, 8, 4);
    fill(first.weight, one.w1);
    fill(first.bias, one.b1);
    fill(second.weight, one.w2);
    fill(second.bias, one.b2);
    replicated<tp, split<dp, 0, float>> x(g, {7, 5});
    replicated<tp, split<dp, 0, int>> labels(g, {7});
    fill(x, one.x);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(one.label(labels.here(0).begin + i));

    auto h = first.forward(x);
    relu(h);
    auto const z = redistribute<replicated<tp>>(g, second.forward(h));
    auto const [loss, by_z] = tutti::loss::softmax_cross_entropy(g, z, labels);
    CHECK(allreduce(g.along<dp>(), loss).sum == doctest::Approx(one.loss).epsilon(1e-5));
    auto by_h = second.backward(by_z);
    relu_backward(by_h, h);
    tutti::column_linear<tp, partial<dp, tutti::sum, float>> const terms = first.gradient(x, by_h);
    CHECK(difference(redistribute<replicated<dp>>(g, terms.weight), one.by_w1) < 1e-5);
    CHECK(difference(redistribute<replicated<dp>>(g, terms.bias), one.by_b1) < 1e-5);
    CHECK(difference(redistribute<split<dp, 1>>(g, second.gradient(h, by_z).weight), one.by_w2) < 1e-5);
    CHECK(difference(redistribute<replicated<dp>>(g, second.gradient(h, by_z).bias), one.by_b2) < 1e-5);
  });
}

TEST_CASE("tensor: classes split among ranks give the serial loss and gradient in one call, however large the logits") {
  for (int const p : {1, 2, 3, 4, 7})
    tutti::testing::run_ranks(p, [](communicator& world) {
      auto g = world.grid<tp>(world.size());
      for (double const scale : {1.0, 1e4}) {
        std::size_t const samples = 6, classes = 5;
        split<tp, 1, float> z(g, {samples, classes});
        for (std::size_t i = 0; i < z.size(); ++i)
          z[i] = static_cast<float>(scale * number(6, z.layout().index_in_whole(i)));
        replicated<tp, unsigned> labels(g, {samples});
        double loss = 0;
        matrix due(samples, classes);
        for (std::size_t s = 0; s < samples; ++s) {
          labels[s] = static_cast<unsigned>(s * 3 % classes);
          auto const logit = [&](std::size_t k) {
            return static_cast<double>(static_cast<float>(scale * number(6, s * classes + k)));
          };
          double most = logit(0), all = 0;
          for (std::size_t k = 1; k < classes; ++k) most = std::max(most, logit(k));
          for (std::size_t k = 0; k < classes; ++k) all += std::exp(logit(k) - most);
          loss += std::log(all) + most - logit(labels[s]);
          for (std::size_t k = 0; k < classes; ++k)
            due(s, k) = std::exp(logit(k) - most) / all - (k == labels[s] ? 1 : 0);
        }
        auto const before = g.along<tp>().stats().calls;
        auto const got = tutti::loss::softmax_cross_entropy(g, std::move(z), labels);
        CHECK(g.along<tp>().stats().calls == before + 1);
        CHECK(got.loss.sum == doctest::Approx(loss).epsilon(1e-6));
        CHECK(got.loss.count == samples);
        CHECK(difference(got.gradient, due) < 1e-6);
      }
      CHECK_THROWS_WITH_AS(
          (void)tutti::loss::softmax_cross_entropy(g, split<tp, 1, float>(g, {1, 5}), replicated<tp, int>(g, {1}, 5)),
          doctest::Contains("label 5 of 5 classes"), tutti::error);
    });
}

TEST_CASE("tensor: an embedding split by words looks up the serial rows, and adds up the gradients of equal words") {
  for (int const p : {1, 2, 3, 4})
    tutti::testing::run_ranks(p, [](communicator& world) {
      auto g = world.grid<tp>(world.size());
      std::size_t const words = 10, width = 3;
      matrix const table(words, width, 7), by_y(6, width, 8);
      std::vector<int> const text{3, 9, 0, 3, 5, 3};
      tutti::vocabulary_embedding<tp, float> embedding(g, words, width);
      fill(embedding.table, table);
      replicated<tp, int> const ids(g, {6}, text);
      auto const y = redistribute<replicated<tp>>(g, embedding.forward(ids));
      CHECK(g.along<tp>().stats().calls == 1);
      for (std::size_t i = 0; i < 6; ++i)
        for (std::size_t j = 0; j < width; ++j)
          CHECK(y[i * width + j] == static_cast<float>(table(static_cast<std::size_t>(text[i]), j)));

      replicated<tp, float> gradient(g, {6, width});
      fill(gradient, by_y);
      matrix due(words, width);
      for (std::size_t i = 0; i < 6; ++i)
        for (std::size_t j = 0; j < width; ++j) due(static_cast<std::size_t>(text[i]), j) += by_y(i, j);
      CHECK(difference(embedding.gradient(ids, gradient).table, due) < 1e-6);
      CHECK_THROWS_WITH_AS((void)embedding.forward(replicated<tp, int>(g, {1}, 10)),
                           doctest::Contains("id 10 of 10 words"), tutti::error);
    });
}

TEST_CASE("matmul: factors whose shapes do not match are refused by a sentence") {
  tutti::testing::run_ranks(1, [](communicator& world) {
    auto g = world.grid<tp>(1);
    replicated<tp, float> const a(g, {3, 4}), b(g, {5, 2}), c(g, {4});
    CHECK_THROWS_WITH_AS((void)matmul(a, b), doctest::Contains("a matrix of 3 x 4 meets one of 5 x 2"), tutti::error);
    CHECK_THROWS_WITH_AS((void)matmul(a, c), doctest::Contains("has two dimensions, and this tensor is 4"),
                         tutti::error);
  });
}

}  // namespace
