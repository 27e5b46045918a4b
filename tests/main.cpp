// SPDX-License-Identifier: BSL-1.0
// The main function of every test program.
#include <doctest/doctest.h>

int main(int argc, char** argv) { return doctest::Context(argc, argv).run(); }
