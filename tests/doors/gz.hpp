// SPDX-License-Identifier: BSL-1.0
// A gzipped file, written by zlib itself.
#pragma once

#include <doctest/doctest.h>
#include <zlib.h>

#include <string>

inline void write_gz(std::string const& path, std::string const& bytes) {
  gzFile const file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  REQUIRE(gzclose(file) == Z_OK);
}
