// SPDX-License-Identifier: BSL-1.0
// A message as its sender and its receiver name it, and where its bytes are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <tutti/core/bytes.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/engine/frame.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// What both ends say about a message. A receiver finds the oldest one from its peer with its tag.
struct letter {
  int peer = 0;  ///< in the communicator
  int tag = 0;   ///< of users: not negative
  std::uint32_t element = 0;
  std::size_t element_size = 1;
  bool object = false;  ///< an encoded object: its bytes are nobody's elements
};

struct outgoing : letter {
  const_bytes data{};
  frame header{};        // from here on: kept by `messages`
  std::size_t done = 0;  // of header and data
};

/// The message must have the size of `into`; or, with `grow`, has any: memory grows as it arrives.
struct incoming : letter {
  bytes into{};
  void* owner = nullptr;
  bytes (*grow)(void* owner, std::size_t size) = nullptr;  ///< makes `size` bytes of room, keeping those there are
  std::uint64_t size = 0;                                  // from here on: kept by `messages`
  std::uint64_t done = 0;
  bool matched = false;
};

/// Where the next bytes of a message go; with `grow`, memory grows with what has arrived.
template <class = on_use>
bytes room_for(incoming& m) {
  auto const here = static_cast<std::size_t>(m.done);
  if (m.grow != nullptr && m.into.size() == here) {
    std::uint64_t const step = (std::max)(m.done, std::uint64_t{1} << 20U) / m.element_size * m.element_size;
    m.into = m.grow(m.owner, here + static_cast<std::size_t>(
                                        (std::min)(m.size - m.done, (std::max)(step, std::uint64_t{m.element_size}))));
  }
  return m.into.subspan(here);
}

}  // namespace tutti::inline TUTTI_ABI::engine
