// SPDX-License-Identifier: BSL-1.0
// Numbers of bytes as people write them.
#pragma once

#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tools {

/// "4", "64K", "1M", "2G": powers of 1024. Throws std::runtime_error with one sentence for anything else.
[[nodiscard]] inline std::uint64_t parse_bytes(std::string const& text) {
  std::uint64_t value = 0;
  auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string const unit(end, text.data() + text.size());
  int const shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  if (problem != std::errc{} || shift < 0 || value > (std::uint64_t{1} << 50U >> static_cast<unsigned>(shift)))
    throw std::runtime_error("\"" + text + "\" is no number of bytes; write it like 4, 64K, 1M or 2G");
  return value << static_cast<unsigned>(shift);
}

}  // namespace tools
