// SPDX-License-Identifier: BSL-1.0
// The translation unit that was compiled with the next version. It checks, before main, that it really has its own.
#include <cstdlib>
#include <string_view>

#include <tutti/tutti.hpp>

namespace {
bool const own_version = [] {
  if (std::string_view{tutti::version()} != "0.2.0") std::abort();
  return true;
}();
}  // namespace

bool next_version_is_its_own();
bool next_version_is_its_own() { return own_version; }
