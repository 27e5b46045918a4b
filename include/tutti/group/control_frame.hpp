// SPDX-License-Identifier: BSL-1.0
// What travels on a control connection after the hello: frames of one fixed size, so that no length is ever believed.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/engine/frame.hpp>
#include <tutti/group/rulings.hpp>
#include <tutti/group/sighting.hpp>
#include <tutti/transport/hello.hpp>

namespace tutti::inline TUTTI_ABI::group {

enum class message : std::uint8_t {
  present = 1,  ///< to rank 0, after the hello. token: host identity; elapsed: how long this rank can still wait; text:
                ///< what it was told about choosing algorithms
  refuse,       ///< from rank 0: no world for you. kind, text
  seats,        ///< from rank 0: addresses of some ranks, from number `rank` on. text: 32 bytes each
  begin,        ///< from rank 0: the world is complete. key: this run's; text: the constants of the machine
  beat = 10,    ///< a sign of life; `token` messages `sight` follow, one per call under way
  sight,        ///< a call under way
  complaint,    ///< to rank 0: judge this
  question,     ///< from rank 0: what do you know of call `sequence` of `communicator`?
  asked,        ///< to rank 0: that call; flag: I have this communicator; text: with whom. `latest` follows
  latest,       ///< to rank 0: my latest call there
  verdict,      ///< from rank 0 (or to it: that it was judged hung). flag: everywhere
  abort,        ///< to rank 0: I give up. text
  goodbye       ///< `rank` has no more calls to make
};

/// Little-endian on the wire: magic u32, version u16, message u8, flag u8, token u64, communicator u64, sequence u64,
/// elapsed u64 (ns), rank i32, waiting_for i32, error kind u8, running u8, text size u16, site size u16, label size
/// u16, key 16, call 48, other call 48, 856 bytes of text, site and label.
template <class Use = on_use>
struct basic_control_frame {
  static constexpr std::size_t wire_size = 1024;
  static constexpr std::size_t text_at = 168;
  static constexpr std::size_t most_text = wire_size - text_at;

  message what = message::beat;
  bool flag = false;
  std::uint64_t token = 0;
  std::uint64_t communicator = 0;
  std::uint64_t sequence = 0;
  std::chrono::nanoseconds elapsed{0};
  int rank = -1;
  int waiting_for = -1;
  error_kind kind = error_kind::protocol;
  bool running = false;
  transport::job_key key{};
  engine::call call{};
  engine::call other{};
  std::string text{};
  std::string site{};
  std::string label{};

  using wire = std::array<std::byte, wire_size>;

  /// What does not fit is cut off: label first, then site, then text.
  [[nodiscard]] wire encode() const {
    wire w{};
    store_little(w.data(), transport::hello::magic);
    store_little(w.data() + 4, static_cast<std::uint16_t>(wire_version));
    w[6] = static_cast<std::byte>(what);
    w[7] = static_cast<std::byte>(flag);
    store_little(w.data() + 8, token);
    store_little(w.data() + 16, communicator);
    store_little(w.data() + 24, sequence);
    store_little(w.data() + 32, static_cast<std::uint64_t>(elapsed.count()));
    store_little(w.data() + 40, static_cast<std::uint32_t>(rank));
    store_little(w.data() + 44, static_cast<std::uint32_t>(waiting_for));
    w[48] = static_cast<std::byte>(kind);
    w[49] = static_cast<std::byte>(running);
    std::copy(key.begin(), key.end(), w.begin() + 56);
    engine::frame const first = engine::encode(call);
    std::copy(first.begin(), first.end(), w.begin() + 72);
    if (other.sequence != 0) {
      engine::frame const second = engine::encode(other);
      std::copy(second.begin(), second.end(), w.begin() + 120);
    }
    std::size_t at = text_at;
    auto const put = [&](std::string const& s, std::size_t size_at) {
      std::size_t const n = (std::min)(s.size(), wire_size - at);
      store_little(w.data() + size_at, static_cast<std::uint16_t>(n));
      std::transform(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(n), w.begin() + static_cast<std::ptrdiff_t>(at),
                     [](char c) { return static_cast<std::byte>(c); });
      at += n;
    };
    put(text, 50);
    put(site, 52);
    put(label, 54);
    return w;
  }

  /// False if no tutti of this version sends these bytes. A refusal is understood whatever its version.
  [[nodiscard]] static bool decode(wire const& w, basic_control_frame& f) {
    f.what = static_cast<message>(w[6]);
    if (load_little<std::uint32_t>(w.data()) != transport::hello::magic) return false;
    if (load_little<std::uint16_t>(w.data() + 4) != wire_version && f.what != message::refuse) return false;
    f.flag = w[7] != std::byte{0};
    f.token = load_little<std::uint64_t>(w.data() + 8);
    f.communicator = load_little<std::uint64_t>(w.data() + 16);
    f.sequence = load_little<std::uint64_t>(w.data() + 24);
    constexpr std::uint64_t century = 3'200'000'000ULL * 1'000'000'000ULL;
    f.elapsed = std::chrono::nanoseconds((std::min)(load_little<std::uint64_t>(w.data() + 32), century));
    f.rank = static_cast<int>(load_little<std::uint32_t>(w.data() + 40));
    f.waiting_for = static_cast<int>(load_little<std::uint32_t>(w.data() + 44));
    f.kind = static_cast<error_kind>(w[48]);
    f.running = w[49] != std::byte{0};
    std::copy_n(w.begin() + 56, 16, f.key.begin());
    engine::frame part{};
    std::copy_n(w.begin() + 72, part.size(), part.begin());
    (void)engine::decode(part, f.call);
    std::copy_n(w.begin() + 120, part.size(), part.begin());
    (void)engine::decode(part, f.other);
    std::size_t at = text_at;
    for (auto [into, size_at] : {std::pair{&f.text, 50}, std::pair{&f.site, 52}, std::pair{&f.label, 54}}) {
      std::size_t const n = load_little<std::uint16_t>(w.data() + size_at);
      if (n > wire_size - at) return false;
      into->assign(n, '\0');
      std::transform(w.begin() + static_cast<std::ptrdiff_t>(at), w.begin() + static_cast<std::ptrdiff_t>(at + n),
                     into->begin(), [](std::byte b) { return static_cast<char>(b); });
      at += n;
    }
    return true;
  }
};
using control_frame = basic_control_frame<>;

// Times travel as durations, so that no two clocks are compared.

template <class Use = on_use>
[[nodiscard]] control_frame to_frame(message what, sighting const& s, clock::time_point now) {
  later<control_frame, Use> f;
  f.what = what;
  f.call = s.what;
  f.running = s.running;
  f.waiting_for = s.waiting_for;
  f.elapsed = now > s.since ? now - s.since : clock::duration::zero();
  f.site = s.site;
  f.label = s.label;
  return f;
}
template <class Use = on_use>
[[nodiscard]] sighting to_sighting(later<control_frame, Use> const& f, clock::time_point now) {
  return {f.call, f.running, f.waiting_for, now - std::chrono::duration_cast<clock::duration>(f.elapsed),
          f.site, f.label};
}

template <class Use = on_use>
[[nodiscard]] control_frame to_frame(complaint const& c) {
  later<control_frame, Use> f;
  f.what = message::complaint;
  f.communicator = c.communicator;
  f.sequence = c.sequence;
  f.kind = c.seen.kind;
  f.rank = c.seen.rank;
  f.text = c.seen.cause;
  f.other = c.theirs;
  return f;
}
template <class Use = on_use>
[[nodiscard]] complaint to_complaint(later<control_frame, Use> const& f, int reporter) {
  return {reporter, f.communicator, f.sequence, {f.kind, f.rank, {}, f.text}, f.other};
}

template <class Use = on_use>
[[nodiscard]] control_frame to_frame(verdict const& v) {
  later<control_frame, Use> f;
  f.what = message::verdict;
  f.flag = v.everywhere;
  f.communicator = v.communicator;
  f.kind = v.what.kind;
  f.rank = v.what.rank;
  f.text = v.what.cause.substr(0, later<control_frame, Use>::most_text);
  return f;
}
template <class Use = on_use>
[[nodiscard]] verdict to_verdict(later<control_frame, Use> const& f) {
  return {{f.kind, f.rank, {}, f.text}, f.flag, f.communicator};
}

}  // namespace tutti::inline TUTTI_ABI::group
