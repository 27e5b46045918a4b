// SPDX-License-Identifier: BSL-1.0
// The main function of every test program.
// Both macros: the precompiled header has seen doctest without them, and only its second half reads them again.
#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
