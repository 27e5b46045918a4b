// SPDX-License-Identifier: BSL-1.0
// Counts in the plans of all ranks what plan/work.hpp says in closed form.
#include <tutti/plan/work.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cases.hpp"

namespace {

namespace tp = tutti::plan;
using tp::verb;

// Counts for parts of one byte each; rooted calls have root 0.
class counter {
 public:
  explicit counter(tp::row const& row, int size) : plans_(plan_cases::all_plans(row, plan_cases::wanted(row, size))) {
    // As many bytes as make every part whole; for even_but_root the root's is empty.
    n_ = plans_[0].parts == tp::cut::even_but_root && size > 1 ? size - 1.0 : size;
    skip_root_ = plans_[0].parts == tp::cut::even_but_root && size > 1;
    for (std::size_t r = 0; r < plans_.size(); ++r) {
      depth_.emplace_back(plans_[r].steps.size(), -1);
      for (std::size_t i = 0; i < plans_[r].steps.size(); ++i) {
        auto const& s = plans_[r].steps[i];
        if (s.what == verb::send || s.what == verb::recv) streams_[key(r, s)].push_back(i);
      }
    }
  }

  tp::work count() {
    tp::work w;
    for (std::size_t r = 0; r < plans_.size(); ++r) {
      double messages = 0, sent = 0, received = 0, folded = 0, kept = 0;
      tp::step const* last = nullptr;
      for (std::size_t i = 0; i < plans_[r].steps.size(); ++i) {
        auto const& s = plans_[r].steps[i];
        bool const message = s.what == verb::send || s.what == verb::recv;
        // Blocks that leave for one peer, or come from it, one right after the other are one message.
        bool const more = last != nullptr && last->what == s.what && last->peer == s.peer;
        last = &s;
        if (s.what == verb::fold) folded += static_cast<double>(s.sources.size() - 1) * length(s.at.first, s.at.last);
        if (!message) continue;
        messages += more ? 0 : 1;
        (s.what == verb::send ? sent : received) += length(s.at.first, s.at.last);
        w.messages += s.what == verb::send && !more ? 1 : 0;
        w.rounds = (std::max)(w.rounds, static_cast<double>(depth(r, i)));
      }
      for (auto const& row : plans_[r].scratch) kept += row.window ? 0 : length(row.first, row.last);
      w.bytes += sent / n_;
      w.folded += folded / n_;
      w.kept += kept / n_;
      w.most_messages = (std::max)(w.most_messages, messages);
      w.most_sent = (std::max)(w.most_sent, sent / n_);
      w.most_received = (std::max)(w.most_received, received / n_);
      w.most_folded = (std::max)(w.most_folded, folded / n_);
    }
    return w;
  }

 private:
  using stream = std::pair<std::pair<std::size_t, std::size_t>, bool>;
  static stream key(std::size_t r, tp::step const& s) {
    auto const peer = static_cast<std::size_t>(s.peer);
    return s.what == verb::send ? stream{{r, peer}, true} : stream{{peer, r}, false};
  }
  double length(std::uint32_t first, std::uint32_t last) const {
    return last - first - (skip_root_ && first == 0 && last > 0 ? 1.0 : 0.0);
  }
  // Messages up to and including a step, each after the one before.
  int depth(std::size_t r, std::size_t i) {
    int& known = depth_[r][i];
    if (known >= 0) return known;
    auto const& s = plans_[r].steps[i];
    int before = earlier(r, i);
    if (s.what == verb::send || s.what == verb::recv) {
      stream other = key(r, s);
      auto const& ours = streams_[other];
      auto const k = static_cast<std::size_t>(std::find(ours.begin(), ours.end(), i) - ours.begin());
      other.second = !other.second;
      before = 1 + (std::max)(before, earlier(static_cast<std::size_t>(s.peer), streams_[other][k]));
    }
    return depth_[r][i] = before;
  }
  int earlier(std::size_t r, std::size_t i) {
    int most = 0;
    for (std::uint32_t e : plans_[r].steps[i].after) most = (std::max)(most, depth(r, e));
    return most;
  }

  std::vector<tp::plan> plans_;
  std::vector<std::vector<int>> depth_;
  std::map<stream, std::vector<std::size_t>> streams_;
  double n_ = 1;
  bool skip_root_ = false;
};

}  // namespace

TEST_CASE(
    "the closed forms are what the plans do, and off powers of two a tree's busiest rank is never more than that") {
  for (tp::row const& row : tp::table())
    for (int size : {2, 3, 4, 5, 6, 7, 8, 13, 16, 32, 33}) {
      if (!row.serves(size) || row.what == tp::collective::barrier) continue;
      tp::work const said = row.effort(size), counted = counter(row, size).count();
      INFO(tp::to_string(row.what) << " by " << tutti::to_string(row.algorithm) << " among " << size);
      bool const even = (size & (size - 1)) == 0;
      bool const tree = row.algorithm == tutti::algorithm::binomial || row.algorithm == tutti::algorithm::doubling ||
                        row.algorithm == tutti::algorithm::pairwise || row.algorithm == tutti::algorithm::halving ||
                        row.algorithm == tutti::algorithm::bruck;
      auto const equal = [&](double a, double b, bool bound) {
        return std::abs(a - b) < 1e-9 * (1 + b) || (bound && !even && tree && b <= a + 1e-9 && a <= 2 * b + 1);
      };
      CHECK(equal(said.messages, counted.messages, false));
      CHECK(equal(said.rounds, counted.rounds, true));
      CHECK(equal(said.bytes, counted.bytes, false));
      CHECK(equal(said.folded, counted.folded, false));
      CHECK(equal(said.kept, counted.kept, true));
      CHECK(equal(said.most_messages, counted.most_messages, true));
      CHECK(equal(said.most_sent, counted.most_sent, true));
      CHECK(equal(said.most_received, counted.most_received, true));
      CHECK(equal(said.most_folded, counted.most_folded, true));
    }
}
