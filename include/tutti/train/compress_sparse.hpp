// SPDX-License-Identifier: BSL-1.0
// Top-k: every rank sends its k largest numbers and their places to all; the rest waits in the feedback.
// Why     gradients are mostly small; what is left out is added up until it is large.
// Cost    1 round, (p-1) 8k bytes a rank: less than a dense mean only while k < n / (4p) or so.
// Limits  without feedback it does not converge; see Lin et al. 2018 (deep gradient compression).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/compress_shapes.hpp>

namespace tutti::inline TUTTI_ABI::detail {

class sparse_exchange {
 public:
  template <class Scheme>
  sparse_exchange(Scheme const& scheme, gradient_shapes const& shapes, int size)
      : mean_(shapes.numbers), magnitudes_(shapes.numbers) {
    if (!(scheme.share > 0 && scheme.share <= 1) || shapes.numbers >= 0xffff'ffffU)
      throw error(error_kind::config, "top_k: a share of " + std::to_string(scheme.share) + " of " +
                                          std::to_string(shapes.numbers) +
                                          " numbers; it must be above 0 and at most 1, of less than 2^32 numbers");
    auto const wanted = static_cast<std::size_t>(scheme.share * static_cast<double>(shapes.numbers) + 0.5);
    k_ = (std::min)((std::max)(wanted, std::size_t{1}), shapes.numbers);
    out_.resize(8 + 8 * k_);
    in_.resize(out_.size() * static_cast<std::size_t>(size));
  }

  template <transport::streams S>
  double mean(basic_communicator<S>& comm, std::span<float> x, double weight, options const& how) {
    std::memcpy(out_.data(), &weight, 8);
    take_largest(x);
    allgather(comm, out_, in_, how);
    double total = 0;
    std::fill(mean_.begin(), mean_.end(), 0.0F);
    for (std::byte const* from = in_.data(); from != in_.data() + in_.size();) {
      double theirs = 0;
      std::memcpy(&theirs, from, 8);
      total += theirs;
      from += 8;
      for (std::size_t i = 0; i < k_; ++i, from += 8) mean_.at(place_at(from)) += value_at(from);
    }
    auto const by = static_cast<float>(total);
    for (float& m : mean_) m /= by;
    return total;
  }
  template <class T>
  void read(std::size_t first, std::span<T> to) const {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<T>(mean_[first + i]);
  }

 private:
  static std::uint32_t place_at(std::byte const* from) {
    std::uint32_t place = 0;
    std::memcpy(&place, from, 4);
    return place;
  }
  static float value_at(std::byte const* from) {
    float value = 0;
    std::memcpy(&value, from + 4, 4);
    return value;
  }
  /// Of equal magnitudes the first ones. Magnitudes order as their bits do, NaN last.
  void take_largest(std::span<float> x) {
    if (k_ == 0) return;
    auto const magnitude = [](float v) { return std::bit_cast<std::uint32_t>(v) & 0x7fff'ffffU; };
    std::transform(x.begin(), x.end(), magnitudes_.begin(), magnitude);
    auto const kth = magnitudes_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(magnitudes_.begin(), kth, magnitudes_.end(), std::greater<>{});
    std::uint32_t const least = *kth;
    auto equal = static_cast<std::size_t>(std::count(magnitudes_.begin(), kth + 1, least));
    std::byte* to = out_.data() + 8;
    for (std::size_t i = 0; i < x.size(); ++i) {
      std::uint32_t const m = magnitude(x[i]);
      if (m < least || (m == least && equal == 0)) continue;
      if (m == least) --equal;
      auto const place = static_cast<std::uint32_t>(i);
      std::memcpy(to, &place, 4);
      std::memcpy(to + 4, &x[i], 4);
      to += 8;
      x[i] = 0;
    }
  }

  std::size_t k_ = 0;
  std::vector<float> mean_;
  std::vector<std::uint32_t> magnitudes_;
  std::vector<std::byte> out_;  // the weight, then place and value k times
  std::vector<std::byte> in_;
};

}  // namespace tutti::inline TUTTI_ABI::detail

namespace tutti::inline TUTTI_ABI::compress {

/// The largest `share` of the numbers of each rank, 8 bytes each; what is not sent is added to the next step.
struct top_k {
  double share = 0.01;
  bool feedback = true;
  using exchange = detail::sparse_exchange;
};

}  // namespace tutti::inline TUTTI_ABI::compress
