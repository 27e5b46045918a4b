// SPDX-License-Identifier: BSL-1.0
// Turns the bytes one process writes into whole lines that say which rank wrote them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// Collects bytes as they come and gives them back as lines, each with the prefix in front and a newline behind.
class prefixed_lines {
 public:
  /// A longer line is given back in pieces of this many bytes, so that a rank that never ends its line costs no more.
  static constexpr std::size_t longest = 64 * 1024;

  explicit prefixed_lines(std::string prefix) : prefix_(std::move(prefix)) {}

  /// Appends to `out` every line that `bytes` completes; the rest waits for the next call.
  void feed(std::string_view bytes, std::string& out) {
    while (!bytes.empty()) {
      std::size_t const end = bytes.find('\n');
      bool const whole = end != std::string_view::npos;
      line_.append(bytes.substr(0, whole ? end : bytes.size()));
      std::size_t given = 0;
      for (; line_.size() - given > longest; given += longest)
        give(std::string_view(line_).substr(given, longest), out);
      line_.erase(0, given);
      if (!whole) return;
      give(line_, out);
      line_.clear();
      bytes.remove_prefix(end + 1);
    }
  }

  /// Appends what is left of a line that never got its newline.
  void finish(std::string& out) {
    if (!line_.empty()) give(line_, out);
    line_.clear();
  }

 private:
  void give(std::string_view line, std::string& out) const { out.append(prefix_).append(line).push_back('\n'); }

  std::string prefix_;
  std::string line_;
};

/// "[r2] ", in one of six colours if the reader is a terminal.
[[nodiscard]] inline std::string rank_prefix(int rank, bool coloured) {
  std::string const tag = "[r" + std::to_string(rank) + "]";
  if (!coloured) return tag + " ";
  return "\x1b[3" + std::to_string(1 + rank % 6) + "m" + tag + "\x1b[0m ";
}

}  // namespace tutti::inline TUTTI_ABI::detail
