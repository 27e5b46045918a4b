// SPDX-License-Identifier: BSL-1.0
// plan_memory: how many bytes a rank needs to train a model in each way, before anything is allocated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/slots.hpp>
#include <tutti/model/signature.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/plan/bracket.hpp>
#include <tutti/plan/choose.hpp>
#include <tutti/plan/granule.hpp>
#include <tutti/shard/gather_shards.hpp>

namespace tutti::inline TUTTI_ABI {

/// Bytes on the rank that needs most, between the steps and within one.
struct memory_use {
  std::size_t weights = 0;    ///< kept, and of zero<3> the one layer that is whole
  std::size_t gradient = 0;   ///< the caller's own, of the model or of one layer, and the kept part of the mean
  std::size_t optimiser = 0;  ///< its memory of the weights
  std::size_t rows = 0;       ///< sums over slots, and what messages are sent from and arrive in
  [[nodiscard]] std::size_t total() const noexcept { return weights + gradient + optimiser + rows; }
};

/// For each way to train. Of zero<2> and zero<3>, layer by layer.
struct memory_plan {
  memory_use data, zero1, zero2, zero3;

  /// A table in MB, one line for each way.
  [[nodiscard]] std::string explain() const {
    std::string text = "           weights  gradient  optimiser      rows     total  MB per rank\n";
    std::pair<char const*, memory_use const*> const ways[] = {
        {"data", &data}, {"zero<1>", &zero1}, {"zero<2>", &zero2}, {"zero<3>", &zero3}};
    for (auto const& [name, use] : ways) {
      auto const mb = [](std::size_t n) { return static_cast<double>(n) / 1e6; };
      char line[128];
      std::snprintf(line, sizeof line, "%-8s  %8.2f  %8.2f   %8.2f  %8.2f  %8.2f\n", name, mb(use->weights),
                    mb(use->gradient), mb(use->optimiser), mb(use->rows), mb(use->total()));
      text += line;
    }
    return text;
  }
};

/// What the bytes depend on beside the model and the number of ranks.
struct memory_terms {
  int slots = 8;
  int per_weight = 2;  ///< numbers the optimiser keeps for each weight: adam 2, sgd 0, with momentum 1
};

namespace detail {

/// The rows of partial sums that are alive at once where a rank adds slots [first, last) of `slots`. A slot that is the
/// right half of a node needs no row of its own.
[[nodiscard]] inline std::size_t rows_alive(std::uint32_t first, std::uint32_t last, std::uint32_t slots) {
  std::vector<plan::interval> alive;
  std::size_t most = 0;
  for (std::uint32_t s = first; s < last; ++s) {
    alive.push_back({s, s + 1});
    while (alive.size() >= 2) {
      plan::interval const both{alive[alive.size() - 2].first, alive.back().last};
      if (!plan::is_node(both, slots) || plan::split_point(both) != alive.back().first) break;
      alive.pop_back();
      alive.back() = both;
    }
    most = (std::max)(most, alive.size());
  }
  return most;
}

/// The scratch memory of a slotted reduction of n bytes: that of the plan that will run.
[[nodiscard]] inline std::size_t scratch_of(plan::collective what, std::size_t n, int rank,
                                            std::vector<std::uint32_t> const& cuts) {
  int const ranks = static_cast<int>(cuts.size()) - 1;
  auto const algorithm = plan::choose(what, ranks, n, tutti::TUTTI_ABI::algorithm::automatic, {.slots = true});
  plan::plan const p = plan::make({what, algorithm, rank, ranks, 0, cuts});
  std::size_t sources = 0, bytes = 0;
  for (auto const& s : p.steps)
    if (s.what == plan::verb::fold) sources = (std::max)(sources, s.sources.size());
  for (auto const& row : p.scratch) {
    std::size_t const extent = n / static_cast<std::size_t>(ranks) * (row.last - row.first);
    bytes += row.window ? (std::min)(extent, plan::granule(sources, sizeof(float))) : extent;
  }
  return bytes;
}

}  // namespace detail

/// For a model with these tensors: `signature_of(model)`, or names and shapes of one that does not exist. Tensors whose
/// names differ in the last word only are one layer. Counts what grows with the model, not the program, its samples and
/// activations, nor what a transport holds. No communication.
[[nodiscard]] inline memory_plan plan_memory(signature const& tensors, int ranks, memory_terms const& terms = {}) {
  if (ranks < 1 || terms.slots < 1 || terms.per_weight < 0)
    throw error(error_kind::config, "plan_memory: ranks and slots must be at least 1, per_weight 0 or more");
  std::size_t all = 0, layer = 0, largest = 0;
  std::size_t packed = 0, packed_of_layer = 0, row_of_layer = 0;  // small tensors, which gather_shards() copies
  std::string_view last_layer;
  for (auto const& t : tensors.tensors) {
    if (t.kind != role::parameter) continue;
    std::size_t n = t.element & 0xffffffU;
    for (std::size_t const extent : t.shape) n *= extent;
    std::string_view const name(t.name);
    std::string_view const of = name.substr(0, name.rfind('.'));
    bool const same = of == last_layer && of.size() < name.size();
    layer = same ? layer + n : n;
    packed_of_layer = (same ? packed_of_layer : 0) + (n < detail::large_tensor ? n : 0);
    if (layer > largest) row_of_layer = ranks > 1 ? packed_of_layer : 0;
    last_layer = of;
    largest = (std::max)(largest, layer);
    all += n;
    if (n < detail::large_tensor) packed += n;
  }
  auto const part = [&](std::size_t n) { return n / static_cast<std::size_t>(ranks) + 1; };
  auto const cuts = slot_cuts(terms.slots, ranks);
  auto const state = static_cast<std::size_t>(terms.per_weight);
  std::size_t const row_of_all = ranks > 1 ? packed : 0;
  memory_plan most{};
  for (int r = 0; r < ranks; ++r) {
    auto const q = static_cast<std::size_t>(r);
    std::size_t const alive = detail::rows_alive(cuts[q], cuts[q + 1], cuts.back());
    auto const scratch = [&](plan::collective what, std::size_t n) { return detail::scratch_of(what, n, r, cuts); };
    memory_plan mine{};
    mine.data = {all, all, state * all, (alive + 1) * all + scratch(plan::collective::allreduce, all)};
    mine.zero1 = {all, all + part(all), state * part(all),
                  alive * all + row_of_all + scratch(plan::collective::reduce_scatter, all)};
    std::size_t const by_layer = alive * largest + row_of_layer + scratch(plan::collective::reduce_scatter, largest);
    mine.zero2 = {all, largest + part(all), state * part(all), by_layer};
    mine.zero3 = {part(all) + largest, largest + part(all), state * part(all), by_layer};
    auto const keep = [](memory_use& a, memory_use const& b) { a = b.total() > a.total() ? b : a; };
    keep(most.data, mine.data);
    keep(most.zero1, mine.zero1);
    keep(most.zero2, mine.zero2);
    keep(most.zero3, mine.zero3);
  }
  return most;
}
template <model M>
[[nodiscard]] memory_plan plan_memory(M const& m, int ranks, memory_terms const& terms = {}) {
  return tutti::TUTTI_ABI::plan_memory(signature_of(m), ranks, terms);
}

}  // namespace tutti::inline TUTTI_ABI
