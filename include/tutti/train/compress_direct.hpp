// SPDX-License-Identifier: BSL-1.0
// Direct mean of quantised gradients: every rank quantises once and sends each owner its part; the owner adds up in
// float, in rank order, quantises the mean once, and sends it to all.
// Why     two roundings at any p; a ring would round p - 1 times. All ranks decode the same bytes, the owner too.
// Trace   p=3: rank r sends q(part j) to rank j; rank j sends q(mean of part j) to all.
// Cost    2 rounds, 2(p-1)/p n bytes a rank and direction, n the quantised size.
// Limits  none; one rank alone quantises nothing.
// See     Wang et al. 2023 (ZeRO++); Karimireddy et al. 2019 for the feedback, here on both roundings.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/alltoall.hpp>
#include <tutti/core/bfloat16.hpp>
#include <tutti/core/half.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/compress_codec.hpp>
#include <tutti/train/compress_shapes.hpp>

namespace tutti::inline TUTTI_ABI::detail {

template <class Codec>
class direct_exchange {
 public:
  template <class Scheme>
  direct_exchange(Scheme const& scheme, gradient_shapes const& shapes, int size)
      : codec_(scheme.codec()),
        feedback_(scheme.feedback),
        numbers_(shapes.numbers),
        part_((shapes.numbers + static_cast<std::size_t>(size) - 1) / static_cast<std::size_t>(size)),
        block_(8 + codec_.bytes(part_)),
        out_(block_ * static_cast<std::size_t>(size)),
        in_(out_.size()),
        sum_(part_),
        lost_(part_) {}

  /// `x`: this rank's numbers; then what was not sent. Returns the sum of the weights.
  template <transport::streams S>
  double mean(basic_communicator<S>& comm, std::span<float> x, double weight, options const& how) {
    auto const p = static_cast<std::size_t>(comm.size());
    for (std::size_t j = 0; j < p; ++j) {
      std::byte* const to = out_.data() + j * block_;
      std::memcpy(to, &weight, 8);
      codec_.encode(part_of(x, j), to + 8);
    }
    alltoall(comm, out_, in_, how);
    double total = 0;
    for (std::size_t r = 0; r < p; ++r) {
      double theirs = 0;
      std::memcpy(&theirs, in_.data() + r * block_, 8);
      total += theirs;
    }
    auto const mine = std::span(sum_).first(part_of(x, static_cast<std::size_t>(comm.rank())).size());
    for (std::size_t r = 0; r < p; ++r)
      codec_.decode(in_.data() + r * block_ + 8, 0, mine.size(),
                    [&](std::size_t i, float v) { mine[i] = r == 0 ? v : mine[i] + v; });
    auto const by = static_cast<float>(total);
    for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = mine[i] / by + (feedback_ ? lost_[i] : 0.0F);
    codec_.encode(mine, out_.data());
    std::copy(mine.begin(), mine.end(), lost_.begin());
    allgather(comm, std::span<std::byte const>(out_).first(block_ - 8), std::span(in_).first((block_ - 8) * p), how);
    return total;
  }
  /// Numbers first … of the mean.
  template <class T>
  void read(std::size_t first, std::span<T> to) const {
    while (!to.empty()) {
      std::size_t const j = first / part_;
      std::size_t const run = (std::min)(to.size(), (j + 1) * part_ - first);
      codec_.decode(in_.data() + j * (block_ - 8), first - j * part_, run,
                    [&](std::size_t i, float v) { to[i] = static_cast<T>(v); });
      first += run;
      to = to.subspan(run);
    }
  }

 private:
  [[nodiscard]] std::span<float> part_of(std::span<float> x, std::size_t j) const {
    std::size_t const begin = (std::min)(j * part_, numbers_);
    return x.subspan(begin, (std::min)(part_, numbers_ - begin));
  }

  Codec codec_;
  bool feedback_;
  std::size_t numbers_;
  std::size_t part_;   // numbers an owner has
  std::size_t block_;  // bytes that go to it: a weight, and the part
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  std::vector<float> sum_;
  std::vector<float> lost_;  // when this owner's mean was rounded
};

}  // namespace tutti::inline TUTTI_ABI::detail

namespace tutti::inline TUTTI_ABI::compress {

/// Half the bytes; a float's range, 8 significant bits. `feedback`: what rounding lost is added to the next step.
struct bfloat16 {
  bool feedback = true;
  using exchange = detail::direct_exchange<detail::short_codec<tutti::TUTTI_ABI::bfloat16>>;
  [[nodiscard]] static auto codec() { return detail::short_codec<tutti::TUTTI_ABI::bfloat16>{}; }
};
/// Half the bytes; 11 significant bits, but a sum of gradients above 65504 becomes infinite.
struct half {
  bool feedback = true;
  using exchange = detail::direct_exchange<detail::short_codec<tutti::TUTTI_ABI::half>>;
  [[nodiscard]] static auto codec() { return detail::short_codec<tutti::TUTTI_ABI::half>{}; }
};
/// A quarter of the bytes (and 4 / block): whole numbers up to 127 times a scale for each `block` numbers.
struct int8 {
  std::size_t block = 256;
  bool feedback = true;
  using exchange = detail::direct_exchange<detail::int8_codec>;
  [[nodiscard]] auto codec() const { return detail::int8_codec{block > 0 ? block : 1}; }
};

}  // namespace tutti::inline TUTTI_ABI::compress
