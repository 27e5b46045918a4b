// SPDX-License-Identifier: BSL-1.0
// 64 bits that stand for a key of any type, the same on every rank.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <tutti/core/bytes.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/permutation.hpp>
#include <tutti/model/encode.hpp>
#include <tutti/model/serialisable.hpp>

namespace tutti::inline TUTTI_ABI {

/// 64 well-mixed bits, equal for equal keys on every platform and in every version: of the value of an integer, the
/// bytes of a text, the encoding of any other object. Integers never collide; of k other keys, two do with probability
/// k² / 2^65.
template <class Key>
[[nodiscard]] std::uint64_t hash_key(Key const& key) {
  if constexpr (std::is_integral_v<Key>) {
    return detail::mix64(static_cast<std::uint64_t>(key) + std::uint64_t{0x9e3779b97f4a7c15});
  } else if constexpr (std::convertible_to<Key const&, std::string_view>) {
    return detail::mix64(fnv1a().add(std::string_view(key)).value());
  } else {
    static_assert(serialisable<Key>, "tutti: a key must be a number, a text or an object that can be sent.");
    return detail::mix64(fnv1a().add(const_bytes(encode(key))).value());
  }
}

}  // namespace tutti::inline TUTTI_ABI
