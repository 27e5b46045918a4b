// SPDX-License-Identifier: BSL-1.0
// The header of an idx file, written from the description of the format.
#pragma once

#include <string>
#include <vector>

inline std::string idx_header(unsigned type, std::vector<unsigned> const& shape) {
  std::string text{'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  for (unsigned n : shape)
    for (unsigned shift : {24U, 16U, 8U, 0U}) text += static_cast<char>(n >> shift & 0xffU);
  return text;
}
