// SPDX-License-Identifier: BSL-1.0
// 64 bits that stand for a key of any type: the same on every rank and platform.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <tutti/core/hash.hpp>
#include <tutti/data/permutation.hpp>
#include <tutti/model/encode.hpp>

namespace tutti::inline TUTTI_ABI {

/// Integers and enumerations never collide; of other keys two among k do so with probability k² / 2^65. A key is an
/// integer, text, or anything that `encode` takes; keys that are equal must encode alike (0.0 and -0.0 do not).
template <class Key>
[[nodiscard]] std::uint64_t key_hash(Key const& key) {
  if constexpr (std::integral<Key> || std::is_enum_v<Key>) {
    return detail::mix64(static_cast<std::uint64_t>(key));
  } else if constexpr (std::convertible_to<Key const&, std::string_view>) {
    return detail::mix64(fnv1a().add(std::string_view(key)).value());
  } else {
    return detail::mix64(fnv1a().add(const_bytes(encode(key))).value());
  }
}

}  // namespace tutti::inline TUTTI_ABI
