// SPDX-License-Identifier: BSL-1.0
// The first bytes of every connection: fixed size, compared before anything is allocated or believed.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <tutti/core/bytes.hpp>

namespace tutti::inline TUTTI_ABI::transport {

/// 128 bits that only the processes of one job know: its id (from the launcher) or its per-run nonce (from rank 0).
using job_key = std::array<std::byte, 16>;

enum class connection : std::uint8_t {
  control = 1,  ///< a rank joins the world; kept for heartbeats and verdicts
  lane = 2      ///< one stream of one communicator
};

/// Little-endian on the wire: magic u32, version u16, kind u8, 0 u8, job 16, run 16, communicator u64, rank u32, size
/// u32, port u16, 6 zero bytes.
struct hello {
  static constexpr std::size_t wire_size = 64;
  static constexpr std::uint32_t magic = 0x69747574;  // "tuti"

  connection kind = connection::control;
  std::uint16_t version = wire_version;
  job_key job{};
  job_key run{};                   ///< lanes only
  std::uint64_t communicator = 0;  ///< lanes only
  std::uint32_t rank = 0;          ///< the sender's rank in the world
  std::uint32_t size = 0;          ///< the sender's idea of the world's size
  std::uint16_t port = 0;          ///< control only: where the sender accepts lanes

  [[nodiscard]] std::array<std::byte, wire_size> encode() const noexcept {
    std::array<std::byte, wire_size> w{};
    store_little(w.data(), magic);
    store_little(w.data() + 4, version);
    w[6] = static_cast<std::byte>(kind);
    std::copy(job.begin(), job.end(), w.begin() + 8);
    std::copy(run.begin(), run.end(), w.begin() + 24);
    store_little(w.data() + 40, communicator);
    store_little(w.data() + 48, rank);
    store_little(w.data() + 52, size);
    store_little(w.data() + 56, port);
    return w;
  }

  /// False if these are not the first bytes of a tutti connection. The version is the caller's to compare.
  [[nodiscard]] static bool decode(std::array<std::byte, wire_size> const& w, hello& h) noexcept {
    if (load_little<std::uint32_t>(w.data()) != magic) return false;
    h.version = load_little<std::uint16_t>(w.data() + 4);
    h.kind = static_cast<connection>(w[6]);
    if (h.kind != connection::control && h.kind != connection::lane) return false;
    std::copy_n(w.begin() + 8, 16, h.job.begin());
    std::copy_n(w.begin() + 24, 16, h.run.begin());
    h.communicator = load_little<std::uint64_t>(w.data() + 40);
    h.rank = load_little<std::uint32_t>(w.data() + 48);
    h.size = load_little<std::uint32_t>(w.data() + 52);
    h.port = load_little<std::uint16_t>(w.data() + 56);
    return true;
  }
};

}  // namespace tutti::inline TUTTI_ABI::transport
