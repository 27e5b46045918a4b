// SPDX-License-Identifier: BSL-1.0
// What a call would take on machines one does not have. Takes a row of the table and a network, makes the plan of every
// rank and hands them to simulation.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/core/network.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/plan/choose.hpp>
#include <tutti/plan/machine.hpp>
#include <tutti/plan/plan.hpp>
#include <tutti/plan/simulation.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// The constants from which algorithms are priced, of a simulated world of `ranks` ranks.
[[nodiscard]] inline machine machine_of(sim const& model, int ranks) {
  auto const microseconds = [](std::chrono::nanoseconds t) { return static_cast<double>(t.count()) / 1e3; };
  auto const per_byte = [](double rate) { return rate > 0 ? 1e9 / rate : 0; };
  int const hosts = model.hosts > 0 && model.hosts < ranks ? model.hosts : ranks;
  machine m;
  m.per_host = (ranks + hosts - 1) / hosts;
  m.cores = model.cores > 0 ? model.cores : m.per_host;
  m.latency = microseconds(m.per_host > 1 ? model.host_alpha : model.alpha);
  m.distance = m.per_host > 1 ? microseconds(model.alpha - model.host_alpha) : 0;
  m.overhead = microseconds(model.overhead);
  m.wake = microseconds(model.wake);
  m.copy = m.per_host > 1 ? per_byte(model.copy) : 0;
  m.fold = per_byte(model.fold);
  m.uncached = 0;
  m.link = hosts > 1 ? per_byte(model.beta) : 0;
  return m;
}

/// A simulated world of `ranks` ranks on such machines. Its copies cost both sides the same.
[[nodiscard]] inline sim network_of(machine const& m, int ranks) {
  auto const time = [](double microseconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(microseconds * 1e3));
  };
  auto const rate = [](double per_byte) { return per_byte > 0 ? 1e9 / per_byte : 0; };
  double const per_host = (std::min)(m.per_host, static_cast<double>(ranks));
  sim model;
  model.host_alpha = time(m.latency);
  model.alpha = time(m.latency + m.distance);
  model.overhead = time(m.overhead);
  model.wake = time(per_host > m.cores ? m.wake : 0);
  model.copy = rate(m.copy);
  model.fold = rate(m.fold);
  model.beta = rate(m.link);
  model.hosts = static_cast<int>((ranks + per_host - 1) / (std::max)(per_host, 1.0));
  model.cores = static_cast<int>((std::min)(m.cores, per_host));
  return model;
}

/// Simulates one call: `way` of the table, `ranks` ranks, `bytes` in all (the longest buffer of the call) in elements
/// of `element` bytes, cut evenly as the row says (an alltoall's are rounded up to equal blocks). Plans are made one by
/// one and kept compactly, in about 100 bytes a step. Throws config for a model that makes no sense, and for more than
/// 40 million steps.
template <class = on_use>
[[nodiscard]] simulated simulate(row const& way, int ranks, std::uint64_t bytes, sim const& model, int root = 0,
                                 std::size_t element = 4) {
  constexpr std::uint64_t header = 48;  // engine/frame.hpp
  request wanted{way.what, way.algorithm, 0, ranks, root, {}};
  wanted.order = way.fold == folds::any ? tutti::TUTTI_ABI::order::any : tutti::TUTTI_ABI::order::canonical;
  if (way.what == collective::barrier) bytes = element = 1;
  auto const p = static_cast<std::uint64_t>(ranks);
  bool const skip_root = way.parts == cut::even_but_root && ranks > 1;
  std::uint64_t const owners = skip_root ? p - 1 : p;
  std::uint64_t elements = bytes / element;
  if (way.what == collective::alltoall)
    elements = (elements + p - 1) / p * p;  // what two ranks exchange is equally long
  std::vector<std::uint64_t> offsets{0};
  std::uint64_t given = 0;
  for (int q = 0; q < ranks; ++q) {
    bool const owns = !(skip_root && q == root);
    std::uint64_t const n = owns ? elements / owners + (given < elements % owners ? 1 : 0) : 0;
    given += owns ? 1 : 0;
    offsets.push_back(offsets.back() + n * element);
  }
  detail::simulation<> all(ranks, std::move(offsets), element, header, model);
  for (wanted.rank = 0; wanted.rank < ranks; ++wanted.rank) all.add(way.write(wanted));
  return all.run();
}

}  // namespace tutti::inline TUTTI_ABI::plan
