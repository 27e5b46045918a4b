// SPDX-License-Identifier: BSL-1.0
// `tutti plan allreduce --ranks 5 --bytes 1M`: who sends what to whom, round by round, and what it costs.
#pragma once

#include <CLI/CLI.hpp>

namespace tools {

/// Adds the subcommand, which prints when it is parsed. Throws std::exception with one sentence on bad input.
void add_plan(CLI::App& app);

}  // namespace tools
