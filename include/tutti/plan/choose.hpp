// SPDX-License-Identifier: BSL-1.0
// Which algorithm serves which call: one table of plans and one small rule. Pure: every rank chooses alike.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/allgather.hpp>
#include <tutti/plan/allreduce.hpp>
#include <tutti/plan/broadcast.hpp>
#include <tutti/plan/gather.hpp>
#include <tutti/plan/plan.hpp>
#include <tutti/plan/reduce.hpp>
#include <tutti/plan/reduce_scatter.hpp>
#include <tutti/plan/scatter.hpp>
#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// One way to do one collective. A new algorithm is one file and one row here.
struct row {
  collective what;
  tutti::TUTTI_ABI::algorithm algorithm;
  int only_size;  ///< the one number of ranks it is for, or 0
  cut parts;
  void (*script)(writer&);

  template <class = on_use>
  [[nodiscard]] plan write(request const& wanted) const {
    writer w(wanted, parts);
    script(w);
    return std::move(w).finish();
  }
};

template <class = on_use>
[[nodiscard]] std::span<row const> table() {
  using tutti::TUTTI_ABI::algorithm;
  static constexpr row rows[] = {
      {collective::broadcast, algorithm::star, 0, cut::even, broadcast_star},
      {collective::broadcast, algorithm::direct, 0, cut::even_but_root, broadcast_direct},
      {collective::reduce, algorithm::star, 0, cut::even, reduce_star},
      {collective::reduce, algorithm::direct, 0, cut::even_but_root, reduce_direct},
      {collective::allreduce, algorithm::exchange, 2, cut::even, allreduce_exchange},
      {collective::allreduce, algorithm::star, 0, cut::even, allreduce_star},
      {collective::allreduce, algorithm::direct, 0, cut::even, allreduce_direct},
      {collective::scatter, algorithm::star, 0, cut::given, scatter_star},
      {collective::gather, algorithm::star, 0, cut::given, gather_star},
      {collective::allgather, algorithm::star, 0, cut::given, allgather_star},
      {collective::allgather, algorithm::direct, 0, cut::given, allgather_direct},
      {collective::reduce_scatter, algorithm::star, 0, cut::given, reduce_scatter_star},
      {collective::reduce_scatter, algorithm::direct, 0, cut::given, reduce_scatter_direct},
      // A barrier is the allreduce of one byte.
      {collective::barrier, algorithm::exchange, 2, cut::even, allreduce_exchange},
      {collective::barrier, algorithm::star, 0, cut::even, allreduce_star},
      {collective::barrier, algorithm::direct, 0, cut::even, allreduce_direct},
  };
  return rows;
}

template <class = on_use>
[[nodiscard]] row const* find(collective what, tutti::TUTTI_ABI::algorithm algorithm, int size) {
  for (row const& r : table())
    if (r.what == what && r.algorithm == algorithm && (r.only_size == 0 || r.only_size == size)) return &r;
  return nullptr;
}

/// The algorithm for a call that moves `bytes` in all (the longest buffer of the call) among `size` ranks that share a
/// host, unless `forced` exists for it. Thresholds measured over loopback with more ranks than cores; see
/// docs/performance.md.
template <class = on_use>
[[nodiscard]] tutti::TUTTI_ABI::algorithm choose(collective what, int size, std::size_t bytes,
                                                 tutti::TUTTI_ABI::algorithm forced) {
  using tutti::TUTTI_ABI::algorithm;
  if (forced != algorithm::automatic && find(what, forced, size) != nullptr) return forced;
  constexpr std::size_t kib = 1024;
  switch (what) {
    case collective::barrier:
      return size == 2 ? algorithm::exchange : algorithm::star;
    case collective::allreduce:
      if (size == 2) return bytes <= 1024 * kib ? algorithm::exchange : algorithm::direct;
      return bytes <= 16 * kib * static_cast<std::size_t>(size) ? algorithm::star : algorithm::direct;
    case collective::allgather:
      return size > 2 && bytes <= 8 * kib ? algorithm::star : algorithm::direct;
    case collective::reduce_scatter:
      return size > 2 && bytes <= 8 * kib ? algorithm::star : algorithm::direct;
    case collective::reduce:
      return size > 2 && bytes > 1024 * kib ? algorithm::direct : algorithm::star;
    case collective::broadcast:
    case collective::scatter:
    case collective::gather:
      return algorithm::star;
  }
  return algorithm::star;
}

/// The plan for `wanted`; its algorithm must be one that `choose` returned.
template <class = on_use>
[[nodiscard]] plan make(request const& wanted) {
  return find(wanted.what, wanted.algorithm, wanted.size)->write(wanted);
}

}  // namespace tutti::inline TUTTI_ABI::plan
