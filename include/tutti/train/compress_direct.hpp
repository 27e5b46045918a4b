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
#include <tutti/collective/future.hpp>
#include <tutti/collective/start.hpp>
#include <tutti/core/bfloat16.hpp>
#include <tutti/core/bytes.hpp>
#include <tutti/core/half.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/compress_codec.hpp>
#include <tutti/train/compress_shapes.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// A collective call on some bytes, as what start() makes an operation of.
template <transport::streams S>
struct byte_call {
  basic_communicator<S>* comm;
  bool to_all;  ///< an allgather, not an alltoall
  const_bytes out;
  bytes in;
  options how;
  void operator()() const { to_all ? allgather(*comm, out, in, how) : alltoall(*comm, out, in, how); }
  [[nodiscard]] basic_communicator<S>& communicator() const noexcept { return *comm; }
};

/// Works in pieces: while one is on the wire the next is rounded, where the transport has asynchronous calls.
template <class Codec>
class direct_exchange {
 public:
  template <class Scheme>
  direct_exchange(Scheme const& scheme, gradient_shapes const& shapes, int size)
      : codec_(scheme.codec()),
        feedback_(scheme.feedback),
        ranks_(static_cast<std::size_t>(size)),
        numbers_(shapes.numbers),
        part_((numbers_ + ranks_ - 1) / ranks_),
        pieces_((std::min)((std::max)(part_ / least_piece, std::size_t{1}), std::size_t{16})),
        piece_((part_ + pieces_ - 1) / pieces_),
        block_(8 + codec_.bytes(piece_)),
        out_(block_ * ranks_ * pieces_),
        in_(out_.size()),
        sum_(piece_),
        lost_(part_) {}

  /// `x`: this rank's numbers; then what was not sent. Returns the sum of the weights.
  template <transport::streams S>
  double mean(basic_communicator<S>& comm, std::span<float> x, double weight, options const& how) {
    std::vector<future<void>> calls;
    double total = 0;
    try {
      for (std::size_t k = 0; k < pieces_; ++k) {
        for (std::size_t j = 0; j < ranks_; ++j) {
          std::byte* const to = out_.data() + (k * ranks_ + j) * block_;
          std::memcpy(to, &weight, 8);
          codec_.encode(numbers_of(x, j, k), to + 8);
        }
        call(calls, comm, false, k, block_ * ranks_, how);
      }
      for (std::size_t k = 0; k < pieces_; ++k) {
        if (!calls.empty()) calls[k].get();
        auto const mine = std::span(sum_).first(numbers_of(x, static_cast<std::size_t>(comm.rank()), k).size());
        auto const lost = std::span(lost_).subspan((std::min)(k * piece_, part_)).first(mine.size());
        total = add_up(mine, k);
        auto const by = static_cast<float>(total);
        for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = mine[i] / by + (feedback_ ? lost[i] : 0.0F);
        codec_.encode(mine, out_.data() + k * ranks_ * block_);
        std::copy(mine.begin(), mine.end(), lost.begin());
        call(calls, comm, true, k, block_ - 8, how);
      }
      for (auto& c : calls)
        if (c.valid()) c.get();
    } catch (...) {
      for (auto& c : calls)
        if (c.valid()) c.wait();  // the buffers are theirs until then
      throw;
    }
    return total;
  }
  /// Numbers first … of the mean.
  template <class T>
  void read(std::size_t first, std::span<T> to) const {
    while (!to.empty()) {
      std::size_t const j = first / part_;
      std::size_t const k = (first - j * part_) / piece_;
      std::size_t const begin = j * part_ + k * piece_;
      std::size_t const end = (std::min)(begin + piece_, (j + 1) * part_);
      std::size_t const run = (std::min)(to.size(), end - first);
      codec_.decode(in_.data() + k * ranks_ * block_ + j * (block_ - 8), first - begin, run,
                    [&](std::size_t at, float const(&v)[codec_block], std::size_t n) {
                      if (n == codec_block)  // a constant: a loop of vectors
                        for (std::size_t i = 0; i < codec_block; ++i) to[at + i] = static_cast<T>(v[i]);
                      else
                        for (std::size_t i = 0; i < n; ++i) to[at + i] = static_cast<T>(v[i]);
                    });
      first += run;
      to = to.subspan(run);
    }
  }

 private:
  static constexpr std::size_t least_piece = std::size_t{1} << 16U;

  /// Of x, what owner j has in piece k.
  [[nodiscard]] std::span<float> numbers_of(std::span<float> x, std::size_t j, std::size_t k) const {
    std::size_t const begin = (std::min)(j * part_ + k * piece_, numbers_);
    std::size_t const end = (std::min)((std::min)(j * part_ + (k + 1) * piece_, (j + 1) * part_), numbers_);
    return begin < end ? x.subspan(begin, end - begin) : std::span<float>();
  }
  /// Piece k of all ranks' numbers; returns the sum of the weights.
  double add_up(std::span<float> sum, std::size_t k) const {
    double total = 0;
    for (std::size_t r = 0; r < ranks_; ++r) {
      std::byte const* const from = in_.data() + (k * ranks_ + r) * block_;
      double theirs = 0;
      std::memcpy(&theirs, from, 8);
      total += theirs;
      if (r == 0) std::fill(sum.begin(), sum.end(), -0.0F);  // what adds nothing, not even to -0
      codec_.decode(from + 8, 0, sum.size(), [&](std::size_t at, float const(&v)[codec_block], std::size_t n) {
        if (n == codec_block)
          for (std::size_t i = 0; i < codec_block; ++i) sum[at + i] += v[i];
        else
          for (std::size_t i = 0; i < n; ++i) sum[at + i] += v[i];
      });
    }
    return total;
  }
  template <transport::streams S>
  void call(std::vector<future<void>>& calls, basic_communicator<S>& comm, bool to_all, std::size_t k, std::size_t size,
            options const& how) {
    std::size_t const at = k * ranks_ * block_;
    byte_call<S> const made{&comm, to_all, const_bytes(out_).subspan(at, size),
                            bytes(in_).subspan(at, to_all ? size * ranks_ : size), how};
    if constexpr (transport::asynchronous<S, net::io_context>)
      if (pieces_ > 1) return calls.push_back(detail::start(made, as_future));
    made();
  }

  Codec codec_;
  bool feedback_;
  std::size_t ranks_;
  std::size_t numbers_;
  std::size_t part_;    // numbers an owner has,
  std::size_t pieces_;  // in how many pieces,
  std::size_t piece_;   // of how many each
  std::size_t block_;   // bytes of a piece that go to an owner: a weight, and the numbers
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
/// A quarter of the bytes: whole numbers up to 127 times a scale, 4 bytes for each 256 numbers.
struct int8 {
  bool feedback = true;
  using exchange = detail::direct_exchange<detail::int8_codec>;
  [[nodiscard]] static auto codec() { return detail::int8_codec{}; }
};

}  // namespace tutti::inline TUTTI_ABI::compress
