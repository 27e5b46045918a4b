// SPDX-License-Identifier: BSL-1.0
// histogram: how many numbers fall into each of equally wide bins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/merge.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// `histogram h(100, 0, 1)`, `h.add(x)`, `allreduce(comm, h, merge)`. Counts are whole numbers, so the result does not
/// depend on who saw what. Bin b holds edge(b) <= x < edge(b + 1).
class histogram {
 public:
  histogram() = default;
  /// Throws config unless bins >= 1 and low < high, both finite.
  histogram(std::size_t bins, double low, double high) : low_(low), high_(high), counts_(bins) {
    if (bins < 1 || !(low < high) || math::isinf(high - low))
      throw error(error_kind::config, "histogram: there must be at least one bin, and low must be less than high");
  }

  void add(double x, std::uint64_t times = 1) {
    if (x != x) {
      nans_ += times;
    } else if (!(x >= low_)) {
      below_ += times;
    } else if (!(x < high_)) {
      above_ += times;
    } else {
      auto b = static_cast<std::size_t>((x - low_) / (high_ - low_) * static_cast<double>(bins()));
      if (b >= bins()) b = bins() - 1;
      if (b > 0 && x < edge(b)) --b;  // the quotient was rounded
      if (b + 1 < bins() && x >= edge(b + 1)) ++b;
      counts_[b] += times;
    }
  }
  /// Throws config if `other` has other bins. One without any has seen nothing yet.
  void merge(histogram const& other) {
    if (other.bins() == 0) return;
    if (bins() == 0) {
      *this = other;
      return;
    }
    if (bins() != other.bins() || !(low_ == other.low_) || !(high_ == other.high_))
      throw error(error_kind::config,
                  "histogram: " + other.axis() + " cannot be added to " + axis() + "; all ranks give the same bins");
    for (std::size_t b = 0; b < bins(); ++b) counts_[b] += other.counts_[b];
    below_ += other.below_;
    above_ += other.above_;
    nans_ += other.nans_;
  }

  [[nodiscard]] std::size_t bins() const noexcept { return counts_.size(); }
  /// The lower edge of bin b; edge(bins()) is the upper end.
  [[nodiscard]] double edge(std::size_t b) const {
    return b == bins() ? high_ : low_ + static_cast<double>(b) * ((high_ - low_) / static_cast<double>(bins()));
  }
  [[nodiscard]] std::vector<std::uint64_t> const& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t below() const noexcept { return below_; }
  [[nodiscard]] std::uint64_t above() const noexcept { return above_; }
  [[nodiscard]] std::uint64_t nans() const noexcept { return nans_; }

  /// For the wire.
  friend void tutti_visit(histogram& h, auto&& v) {
    v("low", h.low_);
    v("high", h.high_);
    v("counts", h.counts_);
    v("below", h.below_);
    v("above", h.above_);
    v("nans", h.nans_);
  }
  friend bool operator==(histogram const&, histogram const&) = default;

 private:
  [[nodiscard]] std::string axis() const {
    return std::to_string(bins()) + " bins of [" + std::to_string(low_) + ", " + std::to_string(high_) + ")";
  }

  double low_ = 0;
  double high_ = 0;
  std::vector<std::uint64_t> counts_;
  std::uint64_t below_ = 0;
  std::uint64_t above_ = 0;
  std::uint64_t nans_ = 0;
};
static_assert(mergeable<histogram>);

}  // namespace tutti::inline TUTTI_ABI
