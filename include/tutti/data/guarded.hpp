// SPDX-License-Identifier: BSL-1.0
// Data with bad rows in it: found before training begins, and one decision by all ranks about what becomes of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/exactly_once.hpp>
#include <tutti/data/source.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/model/visit.hpp>

namespace tutti::inline TUTTI_ABI {

/// What becomes of rows that cannot be used.
enum class bad_rows : std::uint8_t {
  skip,        ///< they are left out, and counted
  quarantine,  ///< they are left out, and listed on every rank: who has them, where, and what is wrong
  abort        ///< every rank throws the same error, which names the first of them
};

/// A row that was left out.
struct quarantined_row {
  int rank = 0;  ///< who found it
  std::uint64_t row = 0;
  std::string file;          ///< "row" where the source has no files
  std::uint64_t offset = 0;  ///< in bytes; the row's number where the source has no files
  std::string why;
};

/// The rows of a source that can be used, numbered without gaps. Made by `guarded`.
template <source S>
class guarded_source {
 public:
  using value_type = typename S::value_type;

  guarded_source(S from, std::vector<std::uint64_t> bad, std::uint64_t dropped, std::vector<quarantined_row> list)
      : from_(std::move(from)), bad_(std::move(bad)), dropped_(dropped), list_(std::move(list)) {}

  [[nodiscard]] std::uint64_t size() const { return from_.size() - bad_.size(); }
  [[nodiscard]] std::span<value_type const> read(item_range range) {
    detail::check_range(range, size(), "a guarded source");
    if (range.empty()) return {};
    std::uint64_t const first = original(range.first);
    std::uint64_t const last = original(range.last - 1) + 1;
    if (last - first == range.size()) return from_.read({first, last});
    rows_.clear();
    for (std::uint64_t at = first; at < last;) {
      auto const next = std::lower_bound(bad_.begin(), bad_.end(), at);
      std::uint64_t const end = next == bad_.end() || *next > last ? last : *next;
      std::span<value_type const> const good = from_.read({at, end});
      rows_.insert(rows_.end(), good.begin(), good.end());
      at = end + 1;
    }
    return rows_;
  }

  /// How many rows were left out, on all ranks together.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  /// With bad_rows::quarantine: what was left out, the same list on every rank, by rank and row.
  [[nodiscard]] std::vector<quarantined_row> const& quarantined() const noexcept { return list_; }

 private:
  /// The number that the i-th good row has in the source.
  [[nodiscard]] std::uint64_t original(std::uint64_t i) const {
    std::size_t before = 0, beyond = bad_.size();  // how many bad rows precede it
    while (before < beyond) {
      std::size_t const middle = before + (beyond - before) / 2;
      if (bad_[middle] <= i + middle)
        before = middle + 1;
      else
        beyond = middle;
    }
    return i + before;
  }

  S from_;
  std::vector<std::uint64_t> bad_;  // increasing
  std::uint64_t dropped_;
  std::vector<quarantined_row> list_;
  std::vector<value_type> rows_;
};

namespace detail {

struct any_row {
  template <class Row>
  bool operator()(Row const&) const noexcept {
    return true;
  }
};

template <class Row>
[[nodiscard]] bool has_nan(Row const& row) {
  bool found = false;
  if constexpr (model<Row>)
    tutti::TUTTI_ABI::for_each_tensor(row, [&](auto const& tensor) {
      for (auto const& value : tensor.data) found = found || value != value;
    });
  return found;
}

/// Looks at every row of `range`, and lists those that cannot be used.
template <source S, class Check>
[[nodiscard]] std::vector<quarantined_row> find_bad_rows(S& from, item_range range, int rank, Check& check) {
  std::vector<quarantined_row> bad;
  auto const report = [&](std::uint64_t i, std::string why) {
    file_place where{"row", i};
    if constexpr (requires { from.place(i); }) where = from.place(i);
    bad.push_back({rank, i, std::move(where.file), where.offset, std::move(why)});
  };
  auto const look = [&](std::uint64_t i, auto const& row) {
    if (detail::has_nan(row)) return report(i, "a number in it is NaN");
    auto const verdict = check(row);
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(verdict)>, bool>) {
      if (!verdict) report(i, "the check refuses it");
    } else {
      if (std::string why(verdict); !why.empty()) report(i, std::move(why));
    }
  };
  auto const one = [&](std::uint64_t i) {
    try {
      std::span<typename S::value_type const> const row = from.read({i, i + 1});
      look(i, row[0]);
    } catch (bad_row const& problem) {
      report(i, problem.why());
    } catch (error const&) {
      throw;  // the source as a whole fails
    } catch (std::exception const& problem) {
      report(i, problem.what());
    }
  };
  constexpr std::uint64_t together = 256;
  for (std::uint64_t at = range.first; at < range.last; at += together) {
    std::uint64_t const end = range.last - at < together ? range.last : at + together;
    std::size_t const before = bad.size();
    bool readable = true;
    try {
      std::span<typename S::value_type const> const rows = from.read({at, end});
      for (std::uint64_t i = at; i < end; ++i) look(i, rows[static_cast<std::size_t>(i - at)]);
    } catch (std::exception const&) {  // one of them: which?
      readable = false;
    }
    if (readable) continue;
    bad.resize(before);
    for (std::uint64_t i = at; i < end; ++i) one(i);
  }
  return bad;
}

template <transport::streams T, source S, class Check>
[[nodiscard]] guarded_source<S> guard(basic_communicator<T>& comm, S from, bad_rows policy, Check& check, bool shared) {
  std::uint64_t const rows = from.size();
  item_range const share = shared ? exactly_once(rows, comm) : item_range{0, rows};
  auto mine = detail::find_bad_rows(from, share, comm.rank(), check);
  std::vector<std::uint64_t> numbers;
  for (auto const& row : mine) numbers.push_back(row.row);
  std::uint64_t const dropped = tutti::TUTTI_ABI::allreduce(comm, std::uint64_t{numbers.size()}, sum);
  std::vector<quarantined_row> list;
  if (dropped > 0 && policy != bad_rows::skip) {
    if (policy == bad_rows::abort && mine.size() > 1) mine.erase(mine.begin() + 1, mine.end());
    for (auto& rank : tutti::TUTTI_ABI::allgather(comm, mine))
      list.insert(list.end(), std::make_move_iterator(rank.begin()), std::make_move_iterator(rank.end()));
  }
  if (dropped > 0 && policy == bad_rows::abort) {
    auto const& first = list.front();
    throw error(failure{error_kind::config,
                        comm.members()[static_cast<std::size_t>(first.rank)],
                        {},
                        std::to_string(dropped) + " row(s) cannot be used, the first on rank " +
                            std::to_string(first.rank) + ": " + first.file + ", byte " + std::to_string(first.offset) +
                            ": " + first.why + "; repair the data, or skip or quarantine such rows"});
  }
  if (dropped > 0 && shared) {
    auto all = tutti::TUTTI_ABI::allgather(comm, numbers);
    numbers = std::move(all.values);
  }
  return {std::move(from), std::move(numbers), dropped, std::move(list)};
}

}  // namespace detail

/// Collective. Looks at all rows once: those that cannot be read, hold a NaN, or that `check` refuses are bad. All
/// ranks then do the same about them, as `policy` says, and go on with the rest. `check(row)` returns bool, or text
/// that says what is wrong and is empty if nothing is. Here every rank has rows of its own (see `synced_steps`: their
/// numbers differ now, if they did not before); a source that fails as a whole throws its error on its rank.
template <transport::streams T, source S, class Check = detail::any_row>
[[nodiscard]] guarded_source<S> guarded(basic_communicator<T>& comm, S from, bad_rows policy, Check check = {}) {
  return detail::guard(comm, std::move(from), policy, check, false);
}
/// The same where all ranks have the same source, as with a sampler: each looks at a part of it, and all leave out the
/// same rows.
template <transport::streams T, source S, class Check = detail::any_row>
[[nodiscard]] guarded_source<S> guarded_shared(basic_communicator<T>& comm, S from, bad_rows policy, Check check = {}) {
  return detail::guard(comm, std::move(from), policy, check, true);
}

}  // namespace tutti::inline TUTTI_ABI
