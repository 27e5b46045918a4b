// SPDX-License-Identifier: BSL-1.0
// Uneven on purpose: every rank gets another mix of labels, as in federated learning.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/data/census.hpp>
#include <tutti/data/hash_key.hpp>
#include <tutti/data/permutation.hpp>
#include <tutti/data/repartition.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// Random numbers by counting: the same everywhere, up to the rounding of log and cos.
struct counted_random {
  std::uint64_t key = 0;
  std::uint64_t drawn = 0;

  /// In (0, 1).
  double uniform() {
    std::uint64_t const bits = detail::mix64(key + ++drawn * 0x9e3779b97f4a7c15ULL);
    return (static_cast<double>(bits >> 11U) + 0.5) * 0x1p-53;
  }
  double normal() {
    double const radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }
  /// The logarithm of a gamma variate of shape `alpha` (Marsaglia & Tsang 2000), of any alpha > 0.
  double log_gamma_variate(double alpha) {
    double const boost = alpha < 1 ? std::log(uniform()) / alpha : 0;
    double const d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3;
    for (;;) {
      double const x = normal();
      double const root = 1 + x / std::sqrt(9 * d);
      if (root <= 0) continue;
      double const v = root * root * root;
      if (std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v) + boost;
    }
  }
};

/// Where the shares of `parts` parts of n rows end, the shares being Dirichlet(alpha, …, alpha).
[[nodiscard]] inline std::vector<std::uint64_t> dirichlet_cuts(std::uint64_t n, std::size_t parts, double alpha,
                                                               std::uint64_t key) {
  counted_random random{key};
  std::vector<double> share(parts);
  for (double& s : share) s = random.log_gamma_variate(alpha);
  double const largest = *std::max_element(share.begin(), share.end());
  double all = 0;
  for (double& s : share) all += s = std::exp(s - largest);
  std::vector<std::uint64_t> cuts(parts, n);
  double sum = 0;
  for (std::size_t r = 0; r + 1 < parts; ++r)
    cuts[r] = (std::min)(n, static_cast<std::uint64_t>(std::llround((sum += share[r]) / all * static_cast<double>(n))));
  return cuts;
}

}  // namespace detail

/// `dirichlet(0.3, &row::label)`: the rows of each label are shared in proportions drawn from a symmetric Dirichlet
/// distribution (Hsu, Qi & Brown 2019). The smaller alpha, the fewer labels a rank has, and the more uneven the numbers
/// of rows; as alpha grows it becomes `stratified`. Which rows make a share is random. There is no bound on a rank's
/// share: that is what it is for. Same seed, order of rows and parts: the same result, however the ranks share the
/// rows.
template <class Label>
class dirichlet {
 public:
  dirichlet(double alpha, Label label, std::uint64_t seed = 0) : alpha_(alpha), label_(std::move(label)), seed_(seed) {
    if (!(alpha > 0) || !std::isfinite(alpha))
      throw error(error_kind::config, "dirichlet: alpha must be a number above 0");
  }

  /// Collective: for each local row, its part of `parts` (0: one part per rank). Sends a few numbers per rank and
  /// label.
  template <transport::streams S, row_range Rows>
  [[nodiscard]] std::vector<int> assign(basic_communicator<S>& comm, Rows const& rows, int parts = 0) const {
    auto const p = static_cast<std::size_t>(detail::checked_parts("dirichlet", parts, comm.size()));
    auto const labels = detail::seen_in(rows, label_, [](auto const& l) { return hash_key(l); });
    auto census = detail::take_census(comm, labels,
                                      [](auto const& counted) { return std::vector<std::uint64_t>(counted.size()); });
    std::vector<permutation> shuffled;
    std::vector<std::vector<std::uint64_t>> cuts;
    for (std::size_t c = 0; c < census.of.size(); ++c) {
      std::uint64_t const key = detail::mix64(seed_ + 0x9e3779b97f4a7c15ULL) ^ census.keys[c];
      shuffled.emplace_back(census.of[c].total, key);
      cuts.push_back(detail::dirichlet_cuts(census.of[c].total, p, alpha_, key));
    }
    std::vector<int> to;
    for (std::size_t const c : census.which) {
      std::uint64_t const place = shuffled[c][census.of[c].before++];
      to.push_back(static_cast<int>(std::upper_bound(cuts[c].begin(), cuts[c].end() - 1, place) - cuts[c].begin()));
    }
    return to;
  }

 private:
  double alpha_;
  Label label_;
  std::uint64_t seed_;
};

}  // namespace tutti::inline TUTTI_ABI
