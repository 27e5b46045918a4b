// SPDX-License-Identifier: BSL-1.0
// The program `tutti`: what the library knows about itself, on the command line.
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "bench.hpp"
#include "plan.hpp"

int main(int argc, char** argv) {
  CLI::App app("tutti: collective communication, from the outside");
  app.require_subcommand(1);
  try {
    int code = 0;
    tools::add_plan(app);
    tools::add_bench(app, code);
    app.parse(argc, argv);
    return code;
  } catch (CLI::CallForHelp const& help) {
    return app.exit(help);
  } catch (CLI::ParseError const& wrong) {
    std::fprintf(stderr, "tutti: %s\n", wrong.what());
  } catch (std::exception const& wrong) {
    std::fprintf(stderr, "tutti: %s\n", wrong.what());
  }
  return 2;
}
