// SPDX-License-Identifier: BSL-1.0
// The choices of one communicator: what `choose` would say, remembered, so that a repeated call pays a comparison.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/choose.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// The algorithm that every call of a collective shall use where it can, by collective; `automatic` where nothing is
/// said. What a call asks for itself goes first.
using preferences = std::array<tutti::TUTTI_ABI::algorithm, 16>;

template <class = on_use>
class basic_chooser {
 public:
  basic_chooser(int size, machine const& m, preferences const& preferred)
      : size_(size), machine_(m), preferred_(preferred) {}

  [[nodiscard]] tutti::TUTTI_ABI::algorithm operator()(collective what, std::size_t bytes,
                                                       tutti::TUTTI_ABI::algorithm asked, demand const& wanted) {
    using tutti::TUTTI_ABI::algorithm;
    question const now{what, asked, wanted, bytes};
    answer& kept = known_[(bytes * 2654435761u >> 7U ^ bytes ^ static_cast<unsigned>(what)) % known_.size()];
    if (kept.chosen != algorithm::automatic && kept.about == now) return kept.chosen;
    algorithm const forced = asked != algorithm::automatic ? asked : preferred_[static_cast<std::size_t>(what)];
    kept = {now, choose(what, size_, bytes, forced, wanted, machine_)};
    return kept.chosen;
  }

 private:
  struct question {
    collective what = collective::barrier;
    tutti::TUTTI_ABI::algorithm asked = tutti::TUTTI_ABI::algorithm::automatic;
    demand wanted{};
    std::size_t bytes = 0;
    friend bool operator==(question const&, question const&) = default;
  };
  struct answer {
    question about{};
    tutti::TUTTI_ABI::algorithm chosen = tutti::TUTTI_ABI::algorithm::automatic;
  };

  int size_;
  machine machine_;
  preferences preferred_;
  std::array<answer, 64> known_{};
};
using chooser = basic_chooser<>;

}  // namespace tutti::inline TUTTI_ABI::plan
