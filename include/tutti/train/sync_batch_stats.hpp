// SPDX-License-Identifier: BSL-1.0
// Batch normalisation over a batch that lies on several ranks: forward and backward as of one big batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/merge.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/moments.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/loss.hpp>

namespace tutti::inline TUTTI_ABI {

/// Of each channel over the rows of all ranks. NaN where there is no row at all.
struct batch_stats {
  std::uint64_t rows = 0;
  std::vector<double> mean{};
  std::vector<double> variance{};  ///< divided by rows
};

namespace detail {
template <class Span>
[[nodiscard]] std::size_t rows_of(char const* where, Span values, std::size_t channels) {
  if (channels == 0 || values.size() % channels != 0)
    throw error(error_kind::config, std::string(where) + ": " + std::to_string(values.size()) +
                                        " values are not rows of " + std::to_string(channels) + " channels");
  return values.size() / channels;
}
}  // namespace detail

/// Collective, one allreduce of 48 bytes per channel. `values` are this rank's rows, channel by channel within a row;
/// there may be none. For layer normalisation over features on several ranks, a sample is a channel.
template <transport::streams S, detail::numbers R>
[[nodiscard]] batch_stats sync_batch_stats(basic_communicator<S>& comm, R const& values, std::size_t channels,
                                           options how = {}) {
  std::span const x(values);
  std::size_t const rows = detail::rows_of("sync_batch_stats", x, channels);
  std::vector<moments<>> of(channels);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t c = 0; c < channels; ++c) of[c].add(static_cast<double>(x[i * channels + c]));
  allreduce(comm, of, merge, how);
  batch_stats all{of[0].count()};
  for (moments<> const& m : of) {
    all.mean.push_back(m.mean());
    all.variance.push_back(m.variance());
  }
  return all;
}

/// values = (values - mean) / sqrt(variance + epsilon), in place, computed in double. No communication.
template <detail::writable_numbers R>
void batch_normalise(batch_stats const& stats, R&& values, double epsilon = 1e-5) {
  std::span const x(values);
  std::size_t const channels = stats.mean.size();
  std::size_t const rows = detail::rows_of("batch_normalise", x, channels);
  for (std::size_t c = 0; c < channels; ++c) {
    double const scale = 1 / math::sqrt(stats.variance[c] + epsilon);
    for (std::size_t i = c; i < rows * channels; i += channels)
      x[i] = static_cast<typename decltype(x)::element_type>((static_cast<double>(x[i]) - stats.mean[c]) * scale);
  }
}

/// Collective, one allreduce of 16 bytes per channel: from the derivative of the loss by the normalised values to that
/// by the values, in place. `normalised` are this rank's rows after batch_normalise(). The means go over all ranks'
/// rows, since every row has moved the mean and the variance of all.
template <transport::streams S, detail::numbers R, detail::writable_numbers G>
void sync_batch_backward(basic_communicator<S>& comm, batch_stats const& stats, R const& normalised, G&& gradient,
                         double epsilon = 1e-5, options how = {}) {
  std::span const y(normalised);
  std::span const g(gradient);
  detail::check_sizes("sync_batch_backward", y.size(), g.size());
  std::size_t const channels = stats.mean.size();
  std::size_t const rows = detail::rows_of("sync_batch_backward", g, channels);
  std::vector<double> sums(2 * channels);  // of g, and of g y
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t c = 0; c < channels; ++c) {
      auto const slope = static_cast<double>(g[i * channels + c]);
      sums[2 * c] += slope;
      sums[2 * c + 1] += slope * static_cast<double>(y[i * channels + c]);
    }
  allreduce(comm, sums, how);
  auto const n = static_cast<double>(stats.rows);
  for (std::size_t c = 0; c < channels; ++c) {
    double const scale = 1 / math::sqrt(stats.variance[c] + epsilon);
    double const shift = sums[2 * c] / n;
    double const pull = sums[2 * c + 1] / n;
    for (std::size_t i = c; i < rows * channels; i += channels)
      g[i] = static_cast<typename decltype(g)::element_type>(
          scale * (static_cast<double>(g[i]) - shift - static_cast<double>(y[i]) * pull));
  }
}

}  // namespace tutti::inline TUTTI_ABI
