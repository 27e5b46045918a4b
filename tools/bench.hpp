// SPDX-License-Identifier: BSL-1.0
// `tutti bench allreduce --np 4 --sizes 4:64M`: how long a call takes in this world, in the columns of nccl-tests.
#pragma once

#include <CLI/CLI.hpp>

namespace tools {

/// Adds the subcommand, which measures when it is parsed and leaves the program's exit code in `code`: 1 if a result
/// was wrong or the world failed. Throws std::exception with one sentence on bad input.
void add_bench(CLI::App& app, int& code);

}  // namespace tools
