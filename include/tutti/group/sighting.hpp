// SPDX-License-Identifier: BSL-1.0
// What one rank tells the others about a call it is in or was in, and how that reads in a sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/engine/frame.hpp>
#include <tutti/engine/watch.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// A call as others hear of it. Sequence 0: there is none.
struct sighting {
  engine::call what{};
  bool running = false;
  int waiting_for = -1;       ///< world rank, or -1
  clock::time_point since{};  ///< when it began, or ended, by the clock of whoever holds this
  std::string site{};         ///< "train.cpp:88"
  std::string label{};
};

/// What a rank says when asked about one call of one communicator.
struct answer {
  bool given = false;     ///< false: no answer yet
  bool member = false;    ///< it has this communicator
  sighting asked{};       ///< that call, if it came to it and still remembers
  sighting latest{};      ///< its latest call there
  std::string members{};  ///< who else has it: a bit for each world rank, eight to a character; of larger ones: nothing
};

/// As answer::members.
template <class = on_use>
[[nodiscard]] std::string to_bits(std::vector<int> const& ranks) {
  constexpr std::size_t most = 256;  // what a control frame has room for
  std::string bits;
  for (int r : ranks) {
    auto const at = static_cast<std::size_t>(r) / 8;
    if (at >= most) return {};
    if (at >= bits.size()) bits.resize(at + 1, '\0');
    bits[at] = static_cast<char>(bits[at] | 1 << r % 8);
  }
  return bits;
}
[[nodiscard]] inline bool has_bit(std::string const& bits, int rank) noexcept {
  auto const at = static_cast<std::size_t>(rank) / 8;
  return at < bits.size() && (bits[at] >> rank % 8 & 1) != 0;
}

template <class = on_use>
[[nodiscard]] sighting see(engine::record const& r) {
  sighting s{r.what, r.running, r.waiting_for, r.since, {}, r.label.data()};
  if (r.what.sequence == 0) return s;
  std::string_view file(r.where.file);
  if (auto const slash = file.find_last_of("/\\"); slash != file.npos) file.remove_prefix(slash + 1);
  s.site = std::string(file) + ":" + std::to_string(r.where.line);
  return s;
}

/// "allreduce #41 'grads' (train.cpp:88)".
template <class = on_use>
[[nodiscard]] std::string name_of(sighting const& s) {
  std::string text(to_string(s.what.what));
  if (s.what.sequence != 0) text += " #" + std::to_string(s.what.sequence);
  if (!s.label.empty()) text += " '" + s.label + "'";
  return s.site.empty() ? text : text + " (" + s.site + ")";
}

/// "allreduce(sum, 1000 x f32) as call 41 'grads' at train.cpp:88".
template <class = on_use>
[[nodiscard]] std::string call_and_line(sighting const& s) {
  std::string text = engine::describe(s.what);
  if (!s.label.empty()) text += " '" + s.label + "'";
  return s.site.empty() ? text : text + " at " + s.site;
}

/// "12.1 s".
template <class = on_use>
[[nodiscard]] std::string in_seconds(clock::duration d) {
  char text[32];
  (void)std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(d).count());
  return text;
}

/// Whether two ranks that made these two calls disagree. A call whose algorithm is not chosen yet agrees with any.
[[nodiscard]] inline bool differ(engine::call const& a, engine::call const& b) noexcept {
  auto const open = tutti::TUTTI_ABI::algorithm::automatic;
  return a.what != b.what || a.op != b.op || a.element != b.element || a.root != b.root ||
         (a.algorithm != b.algorithm && a.algorithm != open && b.algorithm != open) ||
         (a.count != b.count && a.stage == b.stage);
}

}  // namespace tutti::inline TUTTI_ABI::group
