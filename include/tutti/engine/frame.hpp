// SPDX-License-Identifier: BSL-1.0
// The header that opens every stream of every operation: what this rank believes it is calling. The receiver compares
// it for equality with its own before a byte is used, so two different calls never mix.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <tutti/core/bytes.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/op.hpp>
#include <tutti/plan/plan.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// One call, as its rank sees it.
struct call {
  std::uint64_t communicator = 0;
  std::uint64_t sequence = 0;  ///< the how-manieth call on this communicator, from 1
  plan::collective what = plan::collective::barrier;
  tutti::TUTTI_ABI::algorithm algorithm = tutti::TUTTI_ABI::algorithm::automatic;
  std::uint8_t op = 0;
  std::uint8_t stage = 0;     ///< 1: the counts that precede data of unknown size; 0: the data
  std::uint32_t element = 0;  ///< element_code
  std::int32_t root = -1;     ///< -1 where there is none
  std::uint64_t count = 0;    ///< elements per rank or in all, as the call defines; 0 where ranks may differ
};

/// Little-endian on the wire: magic u32, version u16, collective u8, algorithm u8, communicator u64, sequence u64,
/// element u32, root i32, count u64, op u8, stage u8, 6 zero bytes.
using frame = std::array<std::byte, 48>;
inline constexpr std::uint32_t frame_magic = 0x69747574;

[[nodiscard]] inline frame encode(call const& c) noexcept {
  frame f{};
  store_little(f.data(), frame_magic);
  store_little(f.data() + 4, static_cast<std::uint16_t>(wire_version));
  f[6] = static_cast<std::byte>(c.what);
  f[7] = static_cast<std::byte>(c.algorithm);
  store_little(f.data() + 8, c.communicator);
  store_little(f.data() + 16, c.sequence);
  store_little(f.data() + 24, c.element);
  store_little(f.data() + 28, static_cast<std::uint32_t>(c.root));
  store_little(f.data() + 32, c.count);
  f[40] = static_cast<std::byte>(c.op);
  f[41] = static_cast<std::byte>(c.stage);
  return f;
}

/// False if these bytes are no header of this version of tutti.
[[nodiscard]] inline bool decode(frame const& f, call& c) noexcept {
  if (load_little<std::uint32_t>(f.data()) != frame_magic || load_little<std::uint16_t>(f.data() + 4) != wire_version)
    return false;
  c.what = static_cast<plan::collective>(f[6]);
  c.algorithm = static_cast<tutti::TUTTI_ABI::algorithm>(f[7]);
  c.communicator = load_little<std::uint64_t>(f.data() + 8);
  c.sequence = load_little<std::uint64_t>(f.data() + 16);
  c.element = load_little<std::uint32_t>(f.data() + 24);
  c.root = static_cast<std::int32_t>(load_little<std::uint32_t>(f.data() + 28));
  c.count = load_little<std::uint64_t>(f.data() + 32);
  c.op = std::to_integer<std::uint8_t>(f[40]);
  c.stage = std::to_integer<std::uint8_t>(f[41]);
  return true;
}

/// "allreduce(sum, 1000 x f32) as call 41": what a person needs to tell two calls apart.
template <class = on_use>
[[nodiscard]] std::string describe(call const& c) {
  std::string text(to_string(c.what));
  std::string inside;
  auto const item = [&](std::string const& s) { inside += inside.empty() ? s : ", " + s; };
  if (c.op != 0) item(std::string(op_name(c.op)));
  if (c.element != 0) item((c.count != 0 ? std::to_string(c.count) + " x " : std::string()) + element_name(c.element));
  if (c.root >= 0) item("root " + std::to_string(c.root));
  if (!inside.empty()) text += "(" + inside + ")";
  return text + " as call " + std::to_string(c.sequence);
}

}  // namespace tutti::inline TUTTI_ABI::engine
