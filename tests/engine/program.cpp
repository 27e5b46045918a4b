// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/program.hpp>

#include <doctest/doctest.h>

#include <tutti/plan/choose.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace {

namespace te = tutti::engine;
namespace tp = tutti::plan;
using tp::verb;

tp::plan three_folded_from(tp::block a, tp::block b, tp::block c, std::vector<tp::scratch_row> scratch) {
  tp::plan p;
  p.size = 3;
  p.scratch = std::move(scratch);
  p.steps.push_back({verb::fold, -1, {tp::buffer::output, 0, 0, 3}, {{a, {0, 1}}, {b, {1, 2}}, {c, {2, 3}}}, {}});
  return p;
}

TEST_CASE("program: the steps of one stream keep the order of the plan, whatever stands between them") {
  tp::plan p;
  tp::block const all{tp::buffer::output, 0, 0, 3};
  for (int const peer : {2, 1, 2, 2, 1}) p.steps.push_back({verb::send, peer, all, {}, {}});
  p.steps.push_back({verb::copy, -1, all, {{all, {}}}, {}});
  for (int const peer : {1, 2, 1}) p.steps.push_back({verb::recv, peer, all, {}, {}});
  te::program const made = te::prepare(p);
  REQUIRE(made.sends.size() == 2);
  CHECK(made.sends[0].peer == 2);
  CHECK(made.sends[0].steps == std::vector<std::uint32_t>{0, 2, 3});
  CHECK(made.sends[1].steps == std::vector<std::uint32_t>{1, 4});
  REQUIRE(made.recvs.size() == 2);
  CHECK(made.recvs[0].steps == std::vector<std::uint32_t>{6, 8});
  CHECK(made.recvs[1].steps == std::vector<std::uint32_t>{7});
  CHECK(made.local == std::vector<std::uint32_t>{5});
}

/// What the joins of a fold compute, as text, and which sources they overwrite.
struct played {
  std::string result;
  std::vector<std::uint32_t> overwritten;
};
played play(te::program const& p, std::size_t step) {
  auto const sources = static_cast<std::uint32_t>(p.what.steps[step].sources.size());
  std::vector<std::string> operands;
  for (tp::source const& s : p.what.steps[step].sources) {
    std::string text;
    for (std::uint32_t slot = s.slots.first; slot < s.slots.last; ++slot) text += static_cast<char>('a' + slot);
    operands.push_back(text);
  }
  operands.resize(sources + p.folds[step].temporaries, "?");
  played out;
  for (te::join const& j : p.folds[step].joins) {
    std::string const text = "(" + operands.at(j.left) + operands.at(j.right) + ")";
    if (j.result == te::join::target) {
      out.result = text;
      continue;
    }
    if (j.result < sources) out.overwritten.push_back(j.result);
    operands.at(j.result) = text;
  }
  return out;
}
std::string bracket(int first, int last) {
  if (last - first == 1) return std::string(1, static_cast<char>('a' + first));
  int left = 1;
  while (left * 2 < last - first) left *= 2;
  return "(" + bracket(first, first + left) + bracket(first + left, last) + ")";
}

TEST_CASE("program: every fold of every plan is joined along the bracket, and no join overwrites a source") {
  for (tp::row const& row : tp::table())
    for (int size = 2; size <= 20; ++size) {
      if (!row.serves(size)) continue;
      for (int rank = 0; rank < size; ++rank) {
        te::program const p = te::prepare(row.write({row.what, row.algorithm, rank, size, size / 2, {}}));
        for (std::size_t i = 0; i < p.what.steps.size(); ++i) {
          auto const& step = p.what.steps[i];
          if (step.what != verb::fold) continue;
          auto const slots = static_cast<int>(step.sources.size());
          played const got = play(p, i);
          if (slots == size && row.fold == tp::folds::whole) CHECK(got.result == bracket(0, size));
          CHECK(got.overwritten.empty());
          CHECK(p.folds[i].temporaries <= p.most_temporaries);
          CHECK((1U << p.folds[i].temporaries) < 4U * step.sources.size());  // as few as the tree is deep
          CHECK(p.folds[i].sources == step.sources.size());
          CHECK(step.sources.size() <= p.most_sources);
        }
      }
    }
}

TEST_CASE("program: a temporary is reused once it has been read, and the reader of a window is known") {
  tp::block const out{tp::buffer::output, 0, 0, 3};
  tp::block const window{tp::buffer::scratch, 0, 0, 3};
  tp::block const whole{tp::buffer::scratch, 1, 0, 3};
  te::program const p = te::prepare(three_folded_from(out, window, whole, {{0, 3, true}, {0, 3, false}}));
  CHECK(play(p, 0).result == "((ab)c)");
  CHECK(p.folds[0].temporaries == 1);
  CHECK(p.window_reader == std::vector<std::int64_t>{0, -1});
}

TEST_CASE("program: a fold of one source is a copy") {
  tp::plan p;
  tp::block const out{tp::buffer::output, 0, 0, 1};
  p.steps.push_back({verb::fold, -1, out, {{{tp::buffer::input, 0, 0, 1}, {0, 1}}}, {}});
  CHECK(te::prepare(p).folds[0].joins.empty());
}

}  // namespace
