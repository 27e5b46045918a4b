// SPDX-License-Identifier: BSL-1.0
// Promises of train/pipeline_schedule.hpp and train/pipeline_fault.hpp: schedules as data, without a communicator.
#include <tutti/train/pipeline_fault.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using tutti::pipeline_action;
using tutti::pipeline_fault;
using tutti::pipeline_schedule;
using tutti::pipeline_shape;

std::string text(std::vector<pipeline_action> const& actions) {
  std::string all;
  for (auto const& a : actions)
    all += (all.empty() ? "" : " ") + std::to_string(a.stage) + (a.backward ? 'B' : 'F') + std::to_string(a.microbatch);
  return all;
}

/// Every pass once, and an order exists in which each comes after what it needs: found by brute force, with no other
/// rule than that a rank goes through its list.
bool complete_and_acyclic(pipeline_schedule const& s) {
  std::set<std::tuple<int, int, bool>> done;
  std::vector<std::size_t> next(s.actions.size());
  std::size_t listed = 0;
  for (auto const& actions : s.actions) listed += actions.size();
  for (bool any = true; any;) {
    any = false;
    for (std::size_t r = 0; r < s.actions.size(); ++r) {
      if (next[r] == s.actions[r].size()) continue;
      auto const [stage, m, backward] = s.actions[r][next[r]];
      bool const begins = backward ? stage == s.shape.stages - 1 : stage == 0;
      if (!begins && done.count({backward ? stage + 1 : stage - 1, m, backward}) == 0) continue;
      if (backward && done.count({stage, m, false}) == 0) continue;
      if (!done.insert({stage, m, backward}).second) return false;
      ++next[r];
      any = true;
    }
  }
  return done.size() == listed && listed == 2 * static_cast<std::size_t>(s.shape.stages * s.shape.microbatches);
}

std::vector<int> const sizes{1, 2, 3, 4, 5, 7, 8, 13};

}  // namespace

TEST_CASE("the schedules of the papers, pass by pass") {
  auto const g = tutti::gpipe({2, 3, 2});
  CHECK(text(g.actions[0]) == "0F0 0F1 0F2 0B0 0B1 0B2");
  CHECK(text(g.actions[1]) == "1F0 1F1 1F2 1B0 1B1 1B2");
  auto const one = tutti::one_f_one_b({3, 4, 3});
  CHECK(text(one.actions[0]) == "0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3");
  CHECK(text(one.actions[1]) == "1F0 1F1 1B0 1F2 1B1 1F3 1B2 1B3");
  CHECK(text(one.actions[2]) == "2F0 2B0 2F1 2B1 2F2 2B2 2F3 2B3");
  auto const chunks = tutti::interleaved({4, 4, 2}, 2);  // Megatron-LM: two ranks, two chunks each
  CHECK(text(chunks.actions[0]) == "0F0 0F1 2F0 2F1 0F2 2B0 0F3 2B1 2F2 0B0 2F3 0B1 2B2 2B3 0B2 0B3");
  CHECK(text(chunks.actions[1]) == "1F0 1F1 3F0 3B0 3F1 3B1 1F2 1B0 1F3 1B1 3F2 3B2 3F3 3B3 1B2 1B3");
}

TEST_CASE("fewer ranks than stages: runs of stages, one pass after the other; more: replicas with their own slots") {
  auto const two = tutti::one_f_one_b({3, 2, 2});
  CHECK(two.replicas == std::vector<std::vector<int>>{{0}, {1}, {1}});
  CHECK(text(two.actions[0]) == "0F0 0F1 0B0 0B1");
  CHECK(text(two.actions[1]) == "1F0 2F0 2B0 1B0 1F1 2F1 2B1 1B1");
  auto const three = tutti::gpipe({2, 5, 3});
  CHECK(three.replicas == std::vector<std::vector<int>>{{0}, {1, 2}});
  CHECK(text(three.actions[1]) == "1F0 1F1 1B0 1B1");
  CHECK(text(three.actions[2]) == "1F2 1F3 1F4 1B2 1B3 1B4");
  for (int const ranks : sizes)
    for (int const microbatches : {1, 2, 7, 8}) {
      auto const s = tutti::gpipe({2, microbatches, ranks});
      for (int stage = 0; stage < 2; ++stage) {
        auto const& replicas = s.replicas[static_cast<std::size_t>(stage)];
        int const n = static_cast<int>(replicas.size());
        for (int j = 0; j < n; ++j)
          for (int m = tutti::slot_cut(microbatches, n, j); m < tutti::slot_cut(microbatches, n, j + 1); ++m)
            CHECK(s.owner(stage, m) == replicas[static_cast<std::size_t>(j)]);
      }
    }
}

TEST_CASE("every schedule computes each pass once, after what it needs, and never deadlocks with messages that block") {
  for (int stages = 1; stages <= 8; ++stages)
    for (int const ranks : sizes)
      for (int const microbatches : {1, 2, 3, 4, 5, 8, 11}) {
        INFO("stages " << stages << ", ranks " << ranks << ", microbatches " << microbatches);
        pipeline_shape const shape{stages, microbatches, ranks};
        for (auto const& s : {tutti::gpipe(shape), tutti::one_f_one_b(shape)}) {
          CHECK(complete_and_acyclic(s));
          CHECK(pipeline_fault(s) == "");  // even if no message is taken before it is asked for
        }
        for (int const chunks : {1, 2, 3, 4}) {
          if (stages % chunks != 0 || ranks < stages / chunks) continue;
          auto const s = tutti::interleaved(shape, chunks);
          CHECK(complete_and_acyclic(s));
          CHECK(pipeline_fault(s, 1) == "");
        }
      }
  CHECK(pipeline_fault(tutti::interleaved({4, 4, 2}, 2)) ==  // why it says that it needs room for one
        "rank 0 waits for ever before the forward pass of microbatch 3 in stage 0");
}

TEST_CASE("a schedule that somebody broke is found, and the sentence says where") {
  auto const broken = [](auto change) {
    pipeline_schedule s = tutti::one_f_one_b({3, 4, 3});
    change(s);
    return pipeline_fault(s, 100);
  };
  CHECK(broken([](pipeline_schedule&) {}) == "");
  CHECK(broken([](pipeline_schedule& s) { s.actions[1].pop_back(); }) ==
        "nobody computes the backward pass of microbatch 3 in stage 1");
  CHECK(broken([](pipeline_schedule& s) {
          s.actions[0].push_back({0, 1, true});
        }) == "rank 0 computes the backward pass of microbatch 1 in stage 0 twice");
  CHECK(broken([](pipeline_schedule& s) { std::swap(s.actions[2][0], s.actions[2][1]); }) ==
        "rank 2 computes the backward pass of microbatch 0 in stage 2 before its forward pass");
  CHECK(
      broken([](pipeline_schedule& s) { std::swap(s.actions[0][0], s.actions[0][1]); }) ==
      "rank 0 computes the forward pass of microbatch 1 in stage 0 before that of microbatch 0: messages and gradients "
      "keep the order of microbatches");
  CHECK(broken([](pipeline_schedule& s) { std::swap(s.actions[0][0], s.actions[0][3]); }) ==
        "rank 0 waits for ever before the backward pass of microbatch 0 in stage 0");
  CHECK(broken([](pipeline_schedule& s) { s.actions[0][0].stage = 1; }) ==
        "rank 0 computes the forward pass of microbatch 0 in stage 1, which is that of rank 1");
  CHECK(broken([](pipeline_schedule& s) { s.actions[0][0].stage = 3; }) ==
        "rank 0 computes the forward pass of microbatch 0 in stage 3, which does not exist");
  CHECK(broken([](pipeline_schedule& s) { s.replicas[0] = {7}; }) == "a stage is on rank 7, which has no actions");
  CHECK(broken([](pipeline_schedule& s) { s.replicas[0].clear(); }) == "a stage has no rank");
  CHECK(broken([](pipeline_schedule& s) {
          s.replicas[0] = {0, 1};
        }) == "rank 1 has two stages whose replicas are not the same ranks");
}

TEST_CASE("shapes that make no sense are refused") {
  CHECK_THROWS_WITH_AS((void)tutti::gpipe({0, 1, 1}),
                       "pipeline: stages, microbatches and ranks must be at least 1, not 0, 1 and 1", tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::interleaved({5, 4, 5}, 2),
                       "interleaved: 5 stages are no 2 chunks on each of at most 5 ranks", tutti::error);
  CHECK_THROWS_AS((void)tutti::interleaved({8, 4, 3}, 2), tutti::error);
}
