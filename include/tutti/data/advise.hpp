// SPDX-License-Identifier: BSL-1.0
// Which way to place rows is best for what is known of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/data_facts.hpp>
#include <tutti/data/partition_report.hpp>
#include <tutti/plan/machine.hpp>

namespace tutti::inline TUTTI_ABI {

/// What advice weighs.
struct advise_options {
  double passes = 1;  ///< over the rows in this place: what moving them costs is spread over these
  /// How much longer training takes where a rank's labels have nothing in common with the whole: 1 is twice as long. A
  /// matter of the model, not of the machine; 0 leaves labels out.
  double label_weight = 1;
  double seconds_per_byte = 0;  ///< of the link of a rank; 0: as the communicator measured at the join
};

/// Reports of all candidates, in the order given, and the best of them.
class advice {
 public:
  struct option {
    partition_report report;
    double seconds;  ///< per pass: the slowest rank's work, and its part of the move
    double score;    ///< seconds (1 + label_weight divergence)
  };
  std::vector<option> options{};
  std::size_t best = 0;  ///< the least score; of equal ones the first

  /// A line per candidate; the advised one is marked.
  [[nodiscard]] std::string explain() const {
    std::string text = "scheme              rows    time  labels     to move    per pass\n";
    for (auto const& o : options) {
      char line[160];
      std::snprintf(line, sizeof line, "%-16.16s %6.2fx %6.2fx %7.3f %9.4g B %9.4g s%s\n", o.report.name.c_str(),
                    o.report.row_imbalance(), o.report.time_imbalance(), o.report.worst_divergence(),
                    static_cast<double>(o.report.bytes_to_move()), o.seconds,
                    &o == &options[best] ? "  <- advised" : "");
      text += line;
    }
    return text;
  }
};

namespace detail {
inline void weigh(advice& all, partition_report report, advise_options const& how) {
  double const move = static_cast<double>(report.busiest_link()) * how.seconds_per_byte / how.passes;
  double const seconds = report.slowest() + move;
  double const score = seconds * (1 + how.label_weight * report.worst_divergence());
  if (!all.options.empty() && score < all.options[all.best].score) all.best = all.options.size();
  all.options.push_back({std::move(report), seconds, score});
}
[[nodiscard]] inline advise_options completed(advise_options how, machine const& costs, std::size_t candidates) {
  if (candidates == 0 || !(how.passes > 0))
    throw error(error_kind::config, "advise needs a candidate, and passes above 0");
  if (how.seconds_per_byte == 0) how.seconds_per_byte = (2 * costs.copy + costs.link) * 1e-9;
  return how;
}
}  // namespace detail

/// All rows are described here; no communication.
[[nodiscard]] inline advice advise(data_facts const& facts, std::vector<candidate> const& candidates,
                                   advise_options how = {}) {
  how = detail::completed(how, machine{}, candidates.size());
  advice all;
  for (candidate const& c : candidates) detail::weigh(all, partition_report(c, facts), how);
  return all;
}

/// Collective: every rank describes the rows that lie there, and names the same candidates. The same advice everywhere.
template <transport::streams S>
[[nodiscard]] advice advise(basic_communicator<S>& comm, data_facts const& facts,
                            std::vector<candidate> const& candidates, advise_options how = {}) {
  how = detail::completed(how, comm.from().around.costs, candidates.size());
  advice all;
  for (candidate const& c : candidates) detail::weigh(all, partition_report(comm, c, facts), how);
  return all;
}

}  // namespace tutti::inline TUTTI_ABI
