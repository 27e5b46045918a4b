// SPDX-License-Identifier: BSL-1.0
#include "plan.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <tutti/plan/explain.hpp>
#include <tutti/plan/messages.hpp>
#include <tutti/plan/settings.hpp>
#include <tutti/plan/simulate.hpp>

#include "draw.hpp"
#include "sizes.hpp"

namespace tools {

namespace {

namespace tp = tutti::plan;

struct request {
  std::string collective, algorithm = "automatic", bytes = "1M", machine, draw = "text";
  int ranks = 4;
  int root = 0;
  bool any_order = false, simulated = false;
};

void simulate(tp::row const& row, request const& asked, std::uint64_t bytes, tutti::machine const& m) {
  auto const t = tp::simulate(row, asked.ranks, bytes, tp::network_of(m, asked.ranks), asked.root);
  auto const first = std::min_element(t.finished.begin(), t.finished.end());
  auto const microseconds = [](std::chrono::nanoseconds d) { return static_cast<double>(d.count()) / 1e3; };
  std::printf("%s of %llu bytes by %s among %d ranks, simulated\n", asked.collective.c_str(),
              static_cast<unsigned long long>(bytes), std::string(tutti::to_string(row.algorithm)).c_str(),
              asked.ranks);
  std::printf("  first rank done  %.1f us\n  last rank done   %.1f us\n", microseconds(*first), microseconds(t.time()));
  std::printf("  messages         %llu\n  bytes            %llu\n", static_cast<unsigned long long>(t.messages),
              static_cast<unsigned long long>(t.bytes));
  std::printf("  links busy       %.1f %%\n  cores busy       %.1f %%\n", 100 * t.link_use, 100 * t.core_use);
}

void print(request const& asked) {
  auto const what = tp::parse_name<tp::collective>(asked.collective, 1, "collective");
  auto const how = tp::parse_name<tutti::algorithm>(asked.algorithm, 0, "algorithm");
  std::uint64_t const bytes = parse_bytes(asked.bytes);
  tutti::machine const m = tp::parse_machine(asked.machine);
  tp::demand const allowed{.order = asked.any_order ? tutti::order::any : tutti::order::canonical};
  if (asked.root >= asked.ranks)
    throw std::runtime_error("root " + std::to_string(asked.root) + " is not one of " + std::to_string(asked.ranks) +
                             " ranks");
  tp::row const* row = tp::find(what, how, asked.ranks);
  if (how != tutti::algorithm::automatic) {
    if (row == nullptr)
      throw std::runtime_error(asked.collective + " has no " + asked.algorithm + " for " + std::to_string(asked.ranks) +
                               " ranks; `tutti plan " + asked.collective + "` lists what it has");
    if (auto const why = row->obstacle(asked.ranks, allowed); !why.empty())
      throw std::runtime_error(asked.algorithm + " " + std::string(why) + ": add --any-order");
  }
  auto const chosen = tp::choose(what, asked.ranks, bytes, how, allowed, m);
  row = tp::find(what, chosen, asked.ranks);

  drawing d;
  d.title = asked.collective + " by " + std::string(tutti::to_string(chosen)) + " among " +
            std::to_string(asked.ranks) + " ranks";
  d.ranks = asked.ranks;
  if (asked.ranks <= most_drawn) {
    std::vector<tp::plan> plans;
    tp::request w{what, chosen, 0, asked.ranks, asked.root, {}, allowed.order};
    for (w.rank = 0; w.rank < w.size; ++w.rank) plans.push_back(row->write(w));
    d.messages = tp::messages(plans);
  }
  if (asked.draw == "svg") return draw_svg(d);
  if (asked.simulated) return simulate(*row, asked, bytes, m);
  std::fputs(tp::explain(what, asked.ranks, bytes, m, how, allowed).c_str(), stdout);
  draw_text(d);
}

}  // namespace

void add_plan(CLI::App& app) {
  auto const asked = std::make_shared<request>();
  CLI::App* const plan = app.add_subcommand("plan", "who sends what to whom in a collective, and what it costs");
  plan->add_option("collective", asked->collective, "allreduce, broadcast, …")->required();
  plan->add_option("--ranks", asked->ranks, "how many ranks")->check(CLI::Range(1, 1'000'000));
  plan->add_option("--bytes", asked->bytes, "bytes of the call in all: 4, 64K, 1M, 2G");
  plan->add_option("--algorithm", asked->algorithm, "force one, instead of the cheapest");
  plan->add_option("--root", asked->root, "of a rooted collective")->check(CLI::NonNegativeNumber);
  plan->add_flag("--any-order", asked->any_order, "allow what leaves the canonical order, as order::any does");
  plan->add_option("--machine", asked->machine, "constants as in TUTTI_MACHINE: latency=50,link=8,per_host=1");
  plan->add_flag("--simulate", asked->simulated, "run the plans of all ranks on a virtual clock of that machine");
  plan->add_option("--draw", asked->draw, "text or svg")->check(CLI::IsMember({"text", "svg"}));
  plan->callback([asked] { print(*asked); });
}

}  // namespace tools
