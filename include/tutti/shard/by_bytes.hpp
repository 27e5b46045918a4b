// SPDX-License-Identifier: BSL-1.0
// by_bytes: every rank gets the same number of bytes of a model, cut flat, wherever tensors begin and end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/shard/flat_view.hpp>

namespace tutti::inline TUTTI_ABI {

/// The numbers of each element type, one row over all tensors of a layer, are cut into contiguous parts in rank order.
/// Parts differ by one number at most, over all layers together too: whoever gets one more is dealt in turn.
struct by_bytes {
  static constexpr std::string_view name = "by bytes";

  /// For each element type, the rank that gets the next number that is left over.
  std::vector<std::pair<std::uint32_t, std::size_t>> turns{};

  void cut(std::vector<cut_tensor>& layer, int ranks) {
    auto const p = static_cast<std::size_t>(ranks);
    std::vector<std::pair<std::uint32_t, std::size_t>> rows;  // element type, numbers
    for (auto const& t : layer)
      if (t.what.kind == role::parameter) of(rows, t.what.element) += t.size;
    for (auto const& [element, numbers] : rows) {
      std::size_t& turn = of(turns, element);
      std::vector<std::size_t> ends{0};
      for (std::size_t q = 0; q < p; ++q)
        ends.push_back(ends.back() + numbers / p + ((q + p - turn) % p < numbers % p ? 1U : 0U));
      turn = (turn + numbers % p) % p;
      std::size_t before = 0;
      for (auto& t : layer) {
        if (t.what.element != element || t.what.kind != role::parameter) continue;
        for (std::size_t const end : ends) t.cuts.push_back(end <= before ? 0 : (std::min)(end - before, t.size));
        before += t.size;
      }
    }
  }

 private:
  static std::size_t& of(std::vector<std::pair<std::uint32_t, std::size_t>>& all, std::uint32_t element) {
    for (auto& [known, value] : all)
      if (known == element) return value;
    return all.emplace_back(element, 0).second;
  }
};

}  // namespace tutti::inline TUTTI_ABI
