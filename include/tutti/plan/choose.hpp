// SPDX-License-Identifier: BSL-1.0
// Which algorithm serves which call: one table of plans, and the cheapest wins. Pure: every rank chooses alike.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/allgather.hpp>
#include <tutti/plan/allreduce.hpp>
#include <tutti/plan/alltoall.hpp>
#include <tutti/plan/broadcast.hpp>
#include <tutti/plan/cost.hpp>
#include <tutti/plan/gather.hpp>
#include <tutti/plan/plan.hpp>
#include <tutti/plan/reduce.hpp>
#include <tutti/plan/reduce_scatter.hpp>
#include <tutti/plan/scan.hpp>
#include <tutti/plan/scatter.hpp>
#include <tutti/plan/work.hpp>
#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// For which numbers of ranks an algorithm exists.
enum class sizes : std::uint8_t { any, two, power_of_two };

/// What the folds of an algorithm combine, from the strictest demand it can meet to the loosest.
enum class folds : std::uint8_t {
  whole,    ///< every fold combines all slots at once: no partial result travels. Or there is no fold.
  partial,  ///< partial results travel, each a node of the bracket
  any       ///< runs of slots around the circle: needs order::any
};

/// What a call allows.
struct demand {
  tutti::TUTTI_ABI::order order = tutti::TUTTI_ABI::order::canonical;
  bool slots = false;             ///< ranks bring several slots each, or none
  bool whole_folds_only = false;  ///< no partial result may travel
  friend bool operator==(demand const&, demand const&) = default;
};

/// One way to do one collective. A new algorithm is one function and one row here.
struct row {
  collective what;
  tutti::TUTTI_ABI::algorithm algorithm;
  sizes size;
  folds fold;
  cut parts;
  void (*script)(writer&);
  work (*effort)(double ranks);
  bool slots = false;  ///< whether ranks may bring several slots

  [[nodiscard]] constexpr bool serves(int ranks) const noexcept {
    auto const p = static_cast<unsigned>(ranks);
    return size == sizes::any || (size == sizes::two ? p == 2 : std::has_single_bit(p));
  }
  /// Why this row is not for a call, or nothing.
  [[nodiscard]] constexpr std::string_view obstacle(int ranks, demand const& asked) const noexcept {
    if (!serves(ranks)) return size == sizes::two ? "for two ranks only" : "for a power of two of ranks only";
    if (fold == folds::any && asked.order != tutti::TUTTI_ABI::order::any) return "leaves the canonical order";
    if (fold != folds::whole && asked.whole_folds_only) return "sends partial results";
    if (!slots && asked.slots) return "takes one slot per rank only";
    return {};
  }

  template <class Use = on_use>
  [[nodiscard]] later<plan, Use> write(later<request, Use> const& wanted) const {
    later<writer, Use> w(wanted, parts);
    script(w);
    return std::move(w).finish();
  }
};

template <class Use = on_use>
[[nodiscard]] later<std::span<row const>, Use> table() {
  using c = collective;
  using a = tutti::TUTTI_ABI::algorithm;
  using s = sizes;
  using f = folds;
  static constexpr row rows[] = {
      {c::broadcast, a::star, s::any, f::whole, cut::even, broadcast_star, works::broadcast_star},
      {c::broadcast, a::direct, s::any, f::whole, cut::even_but_root, broadcast_direct, works::broadcast_direct},
      {c::broadcast, a::binomial, s::any, f::whole, cut::even, broadcast_binomial, works::broadcast_binomial},
      {c::broadcast, a::chain, s::any, f::whole, cut::even, broadcast_chain, works::broadcast_chain},
      {c::reduce, a::star, s::any, f::whole, cut::even, reduce_star, works::reduce_star, true},
      {c::reduce, a::direct, s::any, f::whole, cut::even_but_root, reduce_direct, works::reduce_direct, true},
      {c::reduce, a::binomial, s::any, f::partial, cut::even, reduce_binomial, works::reduce_binomial},
      {c::reduce, a::chain, s::any, f::any, cut::even, reduce_chain, works::reduce_chain},
      {c::allreduce, a::exchange, s::two, f::whole, cut::even, allreduce_exchange, works::allreduce_exchange, true},
      {c::allreduce, a::star, s::any, f::whole, cut::even, allreduce_star, works::allreduce_star, true},
      {c::allreduce, a::direct, s::any, f::whole, cut::even, allreduce_direct, works::allreduce_direct, true},
      {c::allreduce, a::binomial, s::any, f::partial, cut::even, allreduce_binomial, works::allreduce_binomial},
      {c::allreduce, a::doubling, s::any, f::partial, cut::even, allreduce_doubling, works::allreduce_doubling},
      {c::allreduce, a::halving, s::any, f::partial, cut::even, allreduce_halving, works::allreduce_halving},
      {c::allreduce, a::ring, s::any, f::any, cut::even, allreduce_ring, works::allreduce_ring},
      {c::scatter, a::star, s::any, f::whole, cut::given, scatter_star, works::scatter_star},
      {c::scatter, a::binomial, s::any, f::whole, cut::given, scatter_binomial, works::scatter_binomial},
      {c::gather, a::star, s::any, f::whole, cut::given, gather_star, works::gather_star},
      {c::gather, a::binomial, s::any, f::whole, cut::given, gather_binomial, works::gather_binomial},
      {c::allgather, a::star, s::any, f::whole, cut::given, allgather_star, works::allgather_star},
      {c::allgather, a::direct, s::any, f::whole, cut::given, allgather_direct, works::allgather_direct},
      {c::allgather, a::doubling, s::any, f::whole, cut::given, allgather_doubling, works::allgather_doubling},
      {c::allgather, a::bruck, s::any, f::whole, cut::given, allgather_bruck, works::allgather_bruck},
      {c::allgather, a::ring, s::any, f::whole, cut::given, allgather_ring, works::allgather_ring},
      {c::reduce_scatter, a::star, s::any, f::whole, cut::given, reduce_scatter_star, works::reduce_scatter_star, true},
      {c::reduce_scatter, a::direct, s::any, f::whole, cut::given, reduce_scatter_direct, works::reduce_scatter_direct,
       true},
      {c::reduce_scatter, a::halving, s::power_of_two, f::partial, cut::given, reduce_scatter_halving,
       works::reduce_scatter_halving},
      {c::reduce_scatter, a::pairwise, s::any, f::partial, cut::given, reduce_scatter_pairwise,
       works::reduce_scatter_pairwise},
      {c::reduce_scatter, a::ring, s::any, f::any, cut::given, reduce_scatter_ring, works::reduce_scatter_ring},
      {c::alltoall, a::direct, s::any, f::whole, cut::given, alltoall_direct, works::alltoall_direct},
      {c::alltoall, a::pairwise, s::any, f::whole, cut::given, alltoall_pairwise, works::alltoall_direct},
      {c::alltoall, a::bruck, s::any, f::whole, cut::even, alltoall_bruck, works::alltoall_bruck},
      {c::scan, a::exchange, s::any, f::whole, cut::even, scan_exchange, works::scan_exchange},
      {c::scan, a::star, s::any, f::partial, cut::even, scan_star, works::scan_star},
      {c::scan, a::direct, s::any, f::partial, cut::even, scan_direct, works::scan_direct},
      {c::exscan, a::exchange, s::any, f::whole, cut::even, exscan_exchange, works::exscan_exchange},
      {c::exscan, a::star, s::any, f::partial, cut::even, exscan_star, works::exscan_star},
      {c::exscan, a::direct, s::any, f::partial, cut::even, exscan_direct, works::exscan_direct},
      // A barrier is the allreduce of one byte.
      {c::barrier, a::exchange, s::two, f::whole, cut::even, allreduce_exchange, works::allreduce_exchange},
      {c::barrier, a::star, s::any, f::whole, cut::even, allreduce_star, works::allreduce_star},
      {c::barrier, a::direct, s::any, f::whole, cut::even, allreduce_direct, works::allreduce_direct},
      {c::barrier, a::binomial, s::any, f::partial, cut::even, allreduce_binomial, works::allreduce_binomial},
      {c::barrier, a::dissemination, s::any, f::partial, cut::even, barrier_dissemination,
       works::barrier_dissemination},
  };
  return rows;
}

template <class Use = on_use>
[[nodiscard]] row const* find(collective what, tutti::TUTTI_ABI::algorithm algorithm, int size) {
  for (row const& r : table<Use>())
    if (r.what == what && r.algorithm == algorithm && r.serves(size)) return &r;
  return nullptr;
}

/// The algorithm for a call that moves `bytes` in all (the longest buffer of the call) among `size` ranks: `forced` if
/// it exists and is allowed, else the one that is predicted to be the fastest of those that are. Of equals, the first
/// of the table. Ranks that compute with the same `m` choose alike.
template <class Use = on_use>
[[nodiscard]] tutti::TUTTI_ABI::algorithm choose(collective what, int size, std::size_t bytes,
                                                 tutti::TUTTI_ABI::algorithm forced, demand const& asked = {},
                                                 machine const& m = {}) {
  row const* best = nullptr;
  double least = 0;
  for (row const& r : table<Use>()) {
    if (r.what != what || !r.obstacle(size, asked).empty()) continue;
    if (r.algorithm == forced) return forced;
    auto const ranks = static_cast<double>(size);
    double const time =
        size == 1 ? 0 : predict(r.effort(ranks), ranks, static_cast<double>(bytes), m, reach_of(r.what, r.algorithm));
    if (best != nullptr && time >= least) continue;
    best = &r;
    least = time;
  }
  return best == nullptr ? tutti::TUTTI_ABI::algorithm::star : best->algorithm;
}

/// The algorithm for a call in which a rank knows nothing but its own counts, so that sizes must not decide.
template <class = on_use>
[[nodiscard]] tutti::TUTTI_ABI::algorithm choose_blindly(collective what) {
  using tutti::TUTTI_ABI::algorithm;
  return what == collective::alltoall ? algorithm::direct : algorithm::star;
}

/// The plan for `wanted`; its algorithm must be one that `choose` returned.
template <class Use = on_use>
[[nodiscard]] later<plan, Use> make(later<request, Use> const& wanted) {
  return find(wanted.what, wanted.algorithm, wanted.size)->write(wanted);
}

}  // namespace tutti::inline TUTTI_ABI::plan
