// SPDX-License-Identifier: BSL-1.0
// What a worker and a server send each other: the server's share of all weights, or of their gradient, in one row of
// bytes. Takes any model, hands down rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/plan/bracket.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// A row as numbers. The spans alone are a model, of the same signature as per_weight of that size.
struct row_numbers {
  std::span<float> f32;
  std::span<double> f64;
};

/// Weights have keys 0, 1, … in tensor order, floats and doubles apart; server s of n keeps keys total s / n up to
/// total (s + 1) / n of both. Its row is a weight (a double), then its doubles, then its floats.
class server_rows {
 public:
  server_rows() = default;
  template <class M>
  server_rows(M const& model, int servers) {
    auto const [floats, doubles] = count(model);
    for (int s = 0; s <= servers; ++s) {
      auto const cut = [&](std::size_t n) {
        return n * static_cast<std::size_t>(s) / static_cast<std::size_t>(servers);
      };
      floats_.push_back(cut(floats));
      doubles_.push_back(cut(doubles));
    }
    begin_.push_back(0);
    for (std::size_t s = 0; s < size(); ++s) {
      std::size_t const numbers = 8 * (1 + doubles_[s + 1] - doubles_[s]) + 4 * (floats_[s + 1] - floats_[s]);
      begin_.push_back(begin_[s] + (numbers + 7) / 8 * 8);
    }
  }

  /// Servers.
  [[nodiscard]] std::size_t size() const noexcept { return floats_.size() - 1; }
  /// Of the rows of all servers, one behind another.
  [[nodiscard]] std::size_t bytes_of_all() const noexcept { return begin_.back(); }
  [[nodiscard]] std::size_t bytes_of(std::size_t s) const noexcept { return begin_[s + 1] - begin_[s]; }
  [[nodiscard]] bytes row(std::span<std::byte> all, std::size_t s) const { return all.subspan(begin_[s], bytes_of(s)); }

  [[nodiscard]] static double& weight(bytes row) { return *reinterpret_cast<double*>(row.data()); }
  /// The numbers of a row of server s.
  [[nodiscard]] row_numbers numbers(bytes row, std::size_t s) const {
    std::size_t const doubles = doubles_[s + 1] - doubles_[s];
    return {{reinterpret_cast<float*>(row.data() + 8 * (1 + doubles)), floats_[s + 1] - floats_[s]},
            {reinterpret_cast<double*>(row.data() + 8), doubles}};
  }

  /// Writes the numbers of `model` and the weight into the rows of all servers. Throws `config` if it has another
  /// number of them than the model this was made for.
  template <class M>
  void pack(M const& model, double weight, std::span<std::byte> all) const {
    check(model);
    for (std::size_t s = 0; s < size(); ++s) server_rows::weight(row(all, s)) = weight;
    walk(model, all, [](auto theirs, auto in_row) { std::copy(theirs.begin(), theirs.end(), in_row.begin()); });
  }
  /// The other way round.
  template <class M>
  void unpack(std::span<std::byte> all, M& model) const {
    check(model);
    walk(model, all, [](auto theirs, auto in_row) { std::copy(in_row.begin(), in_row.end(), theirs.begin()); });
  }

 private:
  struct totals {
    std::size_t floats = 0, doubles = 0;
    friend bool operator==(totals const&, totals const&) = default;
  };
  template <class M>
  static totals count(M const& model) {
    totals n;
    detail::for_each_parameter("parameter_server", model, [&](auto const& t) {
      using T = std::remove_cv_t<typename decltype(t.data)::element_type>;
      (std::is_same_v<T, float> ? n.floats : n.doubles) += t.data.size();
    });
    return n;
  }
  template <class M>
  void check(M const& model) const {
    auto const n = count(model);
    if (n == totals{floats_.back(), doubles_.back()}) return;
    throw error(error_kind::config, "parameter_server: this model or gradient has " +
                                        std::to_string(n.floats + n.doubles) + " weights, the one that is trained " +
                                        std::to_string(floats_.back() + doubles_.back()));
  }
  /// Calls f(piece of a tensor, its place in a row) for all of them.
  template <class M, class F>
  void walk(M& model, std::span<std::byte> all, F f) const {
    totals at;
    detail::for_each_parameter("parameter_server", model, [&](auto const& t) {
      using T = std::remove_cv_t<typename decltype(t.data)::element_type>;
      constexpr bool is_float = std::is_same_v<T, float>;
      auto const& cuts = is_float ? floats_ : doubles_;
      std::size_t& key = is_float ? at.floats : at.doubles;
      std::size_t const last = key + t.data.size();
      auto s = static_cast<std::size_t>(std::upper_bound(cuts.begin(), cuts.end(), key) - cuts.begin()) - 1;
      for (std::size_t done = 0; key < last; ++s) {
        std::size_t const n = (std::min)(last, cuts[s + 1]) - key;
        std::span<T> place;
        if constexpr (is_float)
          place = numbers(row(all, s), s).f32;
        else
          place = numbers(row(all, s), s).f64;
        f(t.data.subspan(done, n), place.subspan(key - cuts[s], n));
        done += n;
        key += n;
      }
    });
  }

  std::vector<std::size_t> floats_;  // where each server's keys begin, and where all end
  std::vector<std::size_t> doubles_;
  std::vector<std::size_t> begin_;  // of rows, in bytes
};

/// The weights a server keeps, and what they are stepped by.
template <class Optimizer>
class kept_weights {
 public:
  explicit kept_weights(Optimizer how) : optimizer_(std::move(how)) {}

  void begin(row_numbers from) {
    weights_.f32.assign(from.f32.begin(), from.f32.end());
    weights_.f64.assign(from.f64.begin(), from.f64.end());
    steps_ = 0;
  }
  /// One step down the weighted mean of the gradients in `rows`, folded along the canonical bracket, which uses the
  /// rows up. No step if there is none, or their weights are 0.
  void step(server_rows const& shape, std::size_t server, std::span<bytes const> rows) {
    if (rows.empty()) return;
    fold(shape, server, rows, {0, static_cast<std::uint32_t>(rows.size())});
    double const weight = server_rows::weight(rows[0]);
    if (!(weight > 0)) return;
    row_numbers const mean = shape.numbers(rows[0], server);
    for (float& g : mean.f32) g /= static_cast<float>(weight);
    for (double& g : mean.f64) g /= weight;
    optimizer_.step(weights_, mean);
    ++steps_;
  }
  void copy_to(row_numbers to) const {
    std::copy(weights_.f32.begin(), weights_.f32.end(), to.f32.begin());
    std::copy(weights_.f64.begin(), weights_.f64.end(), to.f64.begin());
  }
  /// Since begin().
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }

 private:
  /// Into the first row of `node`.
  static void fold(server_rows const& shape, std::size_t server, std::span<bytes const> rows, plan::interval node) {
    if (node.size() < 2) return;
    std::uint32_t const middle = plan::split_point(node);
    fold(shape, server, rows, {node.first, middle});
    fold(shape, server, rows, {middle, node.last});
    row_numbers const sum = shape.numbers(rows[node.first], server);
    row_numbers const more = shape.numbers(rows[middle], server);
    server_rows::weight(rows[node.first]) += server_rows::weight(rows[middle]);
    for (std::size_t i = 0; i < sum.f32.size(); ++i) sum.f32[i] += more.f32[i];
    for (std::size_t i = 0; i < sum.f64.size(); ++i) sum.f64[i] += more.f64[i];
  }

  per_weight weights_;
  Optimizer optimizer_;
  std::uint64_t steps_ = 0;
};

}  // namespace tutti::inline TUTTI_ABI::detail
