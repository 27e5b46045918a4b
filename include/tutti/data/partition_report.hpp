// SPDX-License-Identifier: BSL-1.0
// What a way to place rows does to each rank: rows, work, labels, and bytes that must move.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/data_facts.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// -p log2 p.
[[nodiscard]] inline double surprise(double p) { return p > 0 ? -p * math::log(p) * 1.4426950408889634 : 0; }

/// Jensen-Shannon divergence of two histograms, in bits: 0 for equal mixes, 1 where they have nothing in common; 0 if
/// one is empty. (Lin 1991)
[[nodiscard]] inline double divergence(std::span<std::uint64_t const> a, std::span<std::uint64_t const> b) {
  double all_a = 0, all_b = 0;
  for (std::uint64_t x : a) all_a += static_cast<double>(x);
  for (std::uint64_t x : b) all_b += static_cast<double>(x);
  if (all_a == 0 || all_b == 0) return 0;
  double bits = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const p = static_cast<double>(a[i]) / all_a, q = static_cast<double>(b[i]) / all_b;
    bits += detail::surprise((p + q) / 2) - (detail::surprise(p) + detail::surprise(q)) / 2;
  }
  return bits > 0 ? bits : 0;
}

/// What one rank's rows add to the report, by the rank that gets them; adds up over ranks.
struct tally {
  std::vector<std::uint64_t> numbers;  // rows, bytes in, bytes out of every rank; then its labels
  std::vector<double> costs;
};

[[nodiscard]] inline int labels_in(data_facts const& facts) {
  int most = 0;
  for (int label : facts.labels) {
    if (label < 0) throw error(error_kind::config, "label " + std::to_string(label) + "; they are numbers from 0");
    most = (std::max)(most, label + 1);
  }
  return most;
}

/// `rank`: where the rows lie, or -1: nowhere yet.
[[nodiscard]] inline tally count_rows(candidate const& way, data_facts const& facts, std::uint64_t first_item, int rank,
                                      std::size_t labels) {
  auto const size = static_cast<std::size_t>(way.ranks());
  tally t{std::vector<std::uint64_t>((3 + labels) * size), std::vector<double>(size)};
  std::uint64_t const rows = facts.described();
  for (std::uint64_t k = 0; k < rows; ++k) {
    int const owner = way.owner(k, facts.item ? facts.item(k) : first_item + k);
    auto const r = static_cast<std::size_t>(owner), at = static_cast<std::size_t>(k);
    ++t.numbers[r];
    t.costs[r] += facts.costs.empty() ? facts.row_seconds : facts.costs[at];
    if (!facts.labels.empty()) ++t.numbers[3 * size + r * labels + static_cast<std::size_t>(facts.labels[at])];
    bool const stays = facts.already_at ? facts.already_at(k, owner) : rank < 0 || rank == owner;
    if (stays) continue;
    t.numbers[size + r] += facts.row_bytes;
    if (rank >= 0 && rank < way.ranks()) t.numbers[2 * size + static_cast<std::size_t>(rank)] += facts.row_bytes;
  }
  return t;
}

}  // namespace detail

/// One entry per rank in every list.
class partition_report {
 public:
  std::string name;
  std::vector<std::uint64_t> rows{};
  std::vector<double> seconds{};           ///< cost of its rows / its speed
  std::vector<double> divergence{};        ///< bits between its mix of labels and that of all rows; empty: no labels
  std::vector<std::uint64_t> bytes_in{};   ///< that must come to it
  std::vector<std::uint64_t> bytes_out{};  ///< that must leave it, in a collective report

  /// All rows are described here; no communication.
  partition_report(candidate const& way, data_facts const& facts) : name(way.name()) {
    int const labels = detail::labels_in(facts);
    fill(detail::count_rows(way, facts, 0, -1, static_cast<std::size_t>(labels)), way, facts, labels);
  }
  /// Collective: every rank describes the rows that lie there. The same report on every rank; only sums are sent.
  template <transport::streams S>
  partition_report(basic_communicator<S>& comm, candidate const& way, data_facts const& facts) : name(way.name()) {
    std::uint64_t const before = exscan(comm, facts.described());
    int const labels = allreduce(comm, detail::labels_in(facts), tutti::TUTTI_ABI::max);
    auto all =
        detail::count_rows(way, facts, comm.rank() == 0 ? 0 : before, comm.rank(), static_cast<std::size_t>(labels));
    allreduce(comm, all.numbers);
    allreduce(comm, all.costs);
    fill(all, way, facts, labels);
  }

  /// The fullest rank's rows, and the latest one's time, over the mean: 1 is even.
  [[nodiscard]] double row_imbalance() const { return over_mean(rows); }
  [[nodiscard]] double time_imbalance() const { return over_mean(seconds); }
  [[nodiscard]] double slowest() const { return *std::max_element(seconds.begin(), seconds.end()); }
  [[nodiscard]] double worst_divergence() const {
    return divergence.empty() ? 0 : *std::max_element(divergence.begin(), divergence.end());
  }
  [[nodiscard]] std::uint64_t bytes_to_move() const {
    std::uint64_t all = 0;
    for (std::uint64_t b : bytes_in) all += b;
    return all;
  }
  /// The most that one rank must send or receive.
  [[nodiscard]] std::uint64_t busiest_link() const {
    return (std::max)(*std::max_element(bytes_in.begin(), bytes_in.end()),
                      *std::max_element(bytes_out.begin(), bytes_out.end()));
  }

  /// A table with a line per rank, up to sixteen of them, and one for all.
  [[nodiscard]] std::string explain() const {
    std::string text = name + " over " + std::to_string(rows.size()) + " ranks\n";
    text += "rank        rows     seconds  divergence    bytes in\n";
    char line[120];
    for (std::size_t r = 0; r < rows.size() && r < 16; ++r) {
      std::snprintf(line, sizeof line, "%4zu %11llu %11.4g %11.3f %11llu\n", r,
                    static_cast<unsigned long long>(rows[r]), seconds[r], divergence.empty() ? 0.0 : divergence[r],
                    static_cast<unsigned long long>(bytes_in[r]));
      text += line;
    }
    std::snprintf(line, sizeof line, "most %10.2fx %10.2fx %11.3f %11llu in all\n", row_imbalance(), time_imbalance(),
                  worst_divergence(), static_cast<unsigned long long>(bytes_to_move()));
    return text + line;
  }

 private:
  template <class T>
  [[nodiscard]] static double over_mean(std::vector<T> const& values) {
    double all = 0, most = 0;
    for (T const& v : values) {
      all += static_cast<double>(v);
      most = (std::max)(most, static_cast<double>(v));
    }
    return all > 0 ? most * static_cast<double>(values.size()) / all : 1;
  }
  void fill(detail::tally const& all, candidate const& way, data_facts const& facts, int label_count) {
    auto const size = static_cast<std::size_t>(way.ranks()), labels = static_cast<std::size_t>(label_count);
    if (!facts.speeds.empty() && facts.speeds.size() != size)
      throw error(error_kind::config, "data_facts: " + std::to_string(facts.speeds.size()) + " speeds for " +
                                          std::to_string(size) + " ranks");
    std::span<std::uint64_t const> const numbers(all.numbers);
    auto const list = [&](std::size_t at) {
      auto const part = numbers.subspan(at * size, size);
      return std::vector<std::uint64_t>(part.begin(), part.end());
    };
    rows = list(0);
    bytes_in = list(1);
    bytes_out = list(2);
    std::vector<std::uint64_t> in_all(labels);
    for (std::size_t i = 0; i < size * labels; ++i) in_all[i % labels] += numbers[3 * size + i];
    for (std::size_t r = 0; r < size; ++r) {
      double const speed = facts.speeds.empty() ? 1 : facts.speeds[r];
      seconds.push_back(all.costs[r] == 0 ? 0 : all.costs[r] / speed);
      if (labels > 0) divergence.push_back(detail::divergence(numbers.subspan(3 * size + r * labels, labels), in_all));
    }
  }
};

}  // namespace tutti::inline TUTTI_ABI
