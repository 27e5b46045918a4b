// SPDX-License-Identifier: BSL-1.0
// by_tensor and by_stage: whole tensors, each on one rank.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/shard/by_rule.hpp>
#include <tutti/shard/flat_view.hpp>
#include <tutti/shard/split_stages.hpp>

namespace tutti::inline TUTTI_ABI {

/// The largest tensor first, each to the rank that has the least so far: no rank gets more than 4/3 of what the best
/// way to deal them out would give the fullest.
/// See Graham 1969 (LPT).
struct by_tensor {
  static constexpr std::string_view name = "by tensor";
  std::vector<std::size_t> bytes{};  ///< that each rank has already

  void cut(std::vector<cut_tensor>& layer, int ranks) {
    bytes.resize(static_cast<std::size_t>(ranks));
    std::vector<std::size_t> order(layer.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    auto const size = [&](std::size_t i) { return layer[i].size * layer[i].element_size(); };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
    for (std::size_t const i : order) {
      if (layer[i].what.kind != role::parameter) continue;
      auto const least = std::min_element(bytes.begin(), bytes.end());
      *least += size(i);
      detail::cut_as(layer[i], share::on(static_cast<int>(least - bytes.begin())), ranks);
    }
  }
};

/// Stage s of a pipeline on rank s. Tensors whose names differ in the last word only ("layers.2.weight",
/// "layers.2.bias") are one layer; the bytes of a layer are its cost, and split_stages() cuts the row of them.
struct by_stage {
  static constexpr std::string_view name = "by stage";
  std::vector<double> speeds{};  ///< of the ranks; empty: all alike

  void cut(std::vector<cut_tensor>& layer, int ranks) {
    if (!speeds.empty() && speeds.size() != static_cast<std::size_t>(ranks))
      throw error(error_kind::config, "by_stage: " + std::to_string(speeds.size()) + " speeds for " +
                                          std::to_string(ranks) + " ranks: give one per rank");
    std::vector<double> costs;
    std::vector<std::size_t> of(layer.size());
    for (std::size_t i = 0; i < layer.size(); ++i) {
      if (i == 0 || !same_layer(layer[i - 1].what.name, layer[i].what.name)) costs.push_back(0);
      of[i] = costs.size() - 1;
      if (layer[i].what.kind == role::parameter)
        costs.back() += static_cast<double>(layer[i].size * layer[i].element_size());
    }
    auto const split = speeds.empty() ? split_stages(costs, ranks) : split_stages(costs, speeds);
    for (std::size_t i = 0; i < layer.size(); ++i)
      if (layer[i].what.kind == role::parameter)
        detail::cut_as(layer[i], share::on(static_cast<int>(split.stage_of(of[i]))), ranks);
  }

 private:
  static bool same_layer(std::string_view a, std::string_view b) {
    auto const layer_of = [](std::string_view name) { return name.substr(0, name.rfind('.')); };
    return a.find('.') != a.npos && b.find('.') != b.npos && layer_of(a) == layer_of(b);
  }
};

}  // namespace tutti::inline TUTTI_ABI
