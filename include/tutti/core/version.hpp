// SPDX-License-Identifier: BSL-1.0
// The version of the library, and of the bytes it puts on the wire.
#pragma once

#define TUTTI_VERSION_MAJOR 0
#define TUTTI_VERSION_MINOR 1
#define TUTTI_VERSION_PATCH 0
#define TUTTI_VERSION (TUTTI_VERSION_MAJOR * 10000 + TUTTI_VERSION_MINOR * 100 + TUTTI_VERSION_PATCH)
#define TUTTI_VERSION_STRING "0.1.0"

// Everything lives in an inline namespace named after what changes its layout, so that two versions, or the two Asio
// backends, may meet in one program without clashing.
#if defined(TUTTI_USE_BOOST_ASIO)
#define TUTTI_ABI v0_1_boost
#else
#define TUTTI_ABI v0_1
#endif

namespace tutti::inline TUTTI_ABI {

/// The number of the wire format. Two processes talk only when theirs are equal.
inline constexpr unsigned wire_version = 1;

/// "major.minor.patch" of the headers this program was compiled with.
[[nodiscard]] constexpr char const* version() noexcept { return TUTTI_VERSION_STRING; }

}  // namespace tutti::inline TUTTI_ABI
