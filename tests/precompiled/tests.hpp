// SPDX-License-Identifier: BSL-1.0
// What nearly every test includes, compiled once per build. (No #pragma once: it is compiled as a main file.)
#include <doctest/doctest.h>

#include <tutti/tutti.hpp>
