// SPDX-License-Identifier: BSL-1.0
// What a user may say about choosing, as text: the constants of a machine, and an algorithm for a collective. Read
// once, at the join; the same text on all ranks.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/plan/choose.hpp>
#include <tutti/plan/chooser.hpp>
#include <tutti/plan/machine.hpp>

namespace tutti::inline TUTTI_ABI::plan {

namespace detail {

/// Calls each(left, right) for "left<between>right,left<between>right"; throws config where `between` is missing.
template <class F>
void each_pair(std::string_view text, char between, std::string const& what, F&& each) {
  while (!text.empty()) {
    std::size_t const end = (std::min)(text.find(','), text.size());
    std::string_view const item = text.substr(0, end);
    std::size_t const middle = item.find(between);
    if (middle == item.npos)
      throw error(error_kind::config, what + ": \"" + std::string(item) + "\" has no '" + between + "'");
    each(item.substr(0, middle), item.substr(middle + 1));
    text.remove_prefix((std::min)(end + 1, text.size()));
  }
}

}  // namespace detail

/// "latency=4,overhead=3.9": the fields of tutti::machine; those left out are those of `m`. Throws config, in one
/// sentence, for a name that is no field and a value that cannot be.
template <class = on_use>
[[nodiscard]] machine parse_machine(std::string_view text, machine m = {}) {
  std::string const what = "the machine \"" + std::string(text) + "\"";
  detail::each_pair(text, '=', what, [&](std::string_view name, std::string_view value) {
    bool found = false;
    std::string names;
    for_each_constant(m, [&](char const* field, double& constant) {
      names += (names.empty() ? "" : ", ") + std::string(field);
      if (name != field) return;
      found = true;
      auto const [end, problem] = std::from_chars(value.data(), value.data() + value.size(), constant);
      bool const whole = problem == std::errc{} && end == value.data() + value.size();
      bool const possible = name == "per_host" ? constant >= 1 : name == "cores" ? constant > 0 : constant >= 0;
      if (!whole || !possible)
        throw error(error_kind::config, what + ": " + std::string(name) + " cannot be \"" + std::string(value) + "\"");
    });
    if (!found)
      throw error(error_kind::config, what + ": there is no \"" + std::string(name) + "\"; there are " + names);
  });
  return m;
}

/// What parse_machine reads back to the same bits, or, with few `digits`, what a person reads.
template <class = on_use>
[[nodiscard]] std::string to_text(machine const& m, int digits = 17) {
  std::string text;
  for_each_constant(m, [&](char const* field, double const& constant) {
    char value[40];
    std::snprintf(value, sizeof value, "%.*g", digits, constant);
    text += (text.empty() ? "" : ",") + std::string(field) + "=" + value;
  });
  return text;
}

/// The collective, or the algorithm, of that name. Throws config with the names there are.
template <class Enum, class = on_use>
[[nodiscard]] Enum parse_name(std::string_view name, int first, char const* kind) {
  std::string names;
  for (int i = first; to_string(static_cast<Enum>(i)).find("unknown") == std::string_view::npos; ++i) {
    if (to_string(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
    names += (names.empty() ? "" : ", ") + std::string(to_string(static_cast<Enum>(i)));
  }
  throw error(error_kind::config,
              "there is no " + std::string(kind) + " \"" + std::string(name) + "\"; there are " + names);
}

/// "allreduce:ring,broadcast:star". Throws config for a name that does not exist, and for an algorithm its collective
/// does not have for any number of ranks.
template <class Use = on_use>
[[nodiscard]] preferences parse_preferences(std::string_view text) {
  preferences wish{};
  detail::each_pair(
      text, ':', "the algorithms \"" + std::string(text) + "\"", [&](std::string_view left, std::string_view right) {
        auto const what = parse_name<collective>(left, 1, "collective");
        auto const how = parse_name<tutti::TUTTI_ABI::algorithm>(right, 1, "algorithm");
        bool found = false;
        std::string names;
        for (row const& r : table<Use>()) {
          if (r.what != what) continue;
          found = found || r.algorithm == how;
          names += (names.empty() ? "" : ", ") + std::string(to_string(r.algorithm));
        }
        if (!found)
          throw error(error_kind::config, std::string(left) + " has no " + std::string(right) + "; it has " + names);
        wish[static_cast<std::size_t>(what)] = how;
      });
  return wish;
}

}  // namespace tutti::inline TUTTI_ABI::plan
