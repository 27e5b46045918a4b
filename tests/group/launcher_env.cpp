// SPDX-License-Identifier: BSL-1.0
// Recorded environments, and what each must be read as.
#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <tutti/group/launcher_env.hpp>

namespace {

using environment = std::map<std::string, std::string>;

tutti::detail::environment_lookup look_in(environment const& in) {
  return [&in](char const* name) {
    auto const found = in.find(name);
    return found == in.end() ? nullptr : found->second.c_str();
  };
}

// "launcher rank/size local root job listener", "none", or "error: <cause>".
std::string read(environment const& in) {
  try {
    auto const world = tutti::detail::read_environment(look_in(in));
    if (world.launcher.empty()) return "none";
    return world.launcher + " " + std::to_string(world.rank) + "/" + std::to_string(world.size) + " local " +
           std::to_string(world.local_rank) + "/" + std::to_string(world.local_size) + " root=" + world.root +
           " job=" + world.job + " fd=" + std::to_string(world.listener);
  } catch (tutti::error const& problem) {
    CHECK(problem.kind() == tutti::error_kind::config);
    return std::string("error: ") + problem.what();
  }
}

environment with(environment base, environment const& changes) {
  for (auto const& [name, value] : changes) base[name] = value;
  return base;
}

environment without(environment base, std::string const& name) {
  base.erase(name);
  return base;
}

environment const ours{{"TUTTI_RANK", "0"},       {"TUTTI_WORLD_SIZE", "4"},         {"TUTTI_LOCAL_RANK", "0"},
                       {"TUTTI_LOCAL_SIZE", "4"}, {"TUTTI_ROOT", "127.0.0.1:41234"}, {"TUTTI_JOB_ID", "0123abcd"},
                       {"TUTTI_LISTEN_FD", "5"}};
environment const by_hand{{"TUTTI_RANK", "3"}, {"TUTTI_WORLD_SIZE", "4"}, {"TUTTI_ROOT", "[::1]:7000"}};
environment const torch{{"RANK", "1"},
                        {"WORLD_SIZE", "8"},
                        {"LOCAL_RANK", "1"},
                        {"GROUP_RANK", "0"},
                        {"LOCAL_WORLD_SIZE", "2"},
                        {"MASTER_ADDR", "node-a"},
                        {"MASTER_PORT", "29500"},
                        {"TORCHELASTIC_RUN_ID", "job7"}};
environment const both = with(ours, torch);

}  // namespace

TEST_CASE("every launcher's environment is read as the world it describes, and half of one is an error") {
  struct row {
    environment in;
    std::string expected;
  };
  std::vector<row> const table{
      {{}, "none"},
      {{{"MASTER_ADDR", "node-a"}, {"MASTER_PORT", "29500"}, {"LOCAL_RANK", "0"}}, "none"},
      {{{"TUTTI_TRUSTED_NETWORK", "1"}, {"TUTTI_TIMEOUT", "5"}, {"TUTTI_JOB_ID", "x"}}, "none"},
      {ours, "tutti 0/4 local 0/4 root=127.0.0.1:41234 job=0123abcd fd=5"},
      {by_hand, "tutti 3/4 local -1/-1 root=[::1]:7000 job= fd=-1"},
      {{{"TUTTI_RANK", "0"}, {"TUTTI_WORLD_SIZE", "1"}}, "tutti 0/1 local -1/-1 root= job= fd=-1"},
      {torch, "torchrun 1/8 local 1/2 root=node-a:29501 job=job7 fd=-1"},
      {with(torch, {{"MASTER_ADDR", "fe80::1"}}), "torchrun 1/8 local 1/2 root=[fe80::1]:29501 job=job7 fd=-1"},
      {without(without(torch, "LOCAL_RANK"), "LOCAL_WORLD_SIZE"),
       "torchrun 1/8 local -1/-1 root=node-a:29501 job=job7 fd=-1"},
      // Several at once: ours wins, unless one is named.
      {both, "tutti 0/4 local 0/4 root=127.0.0.1:41234 job=0123abcd fd=5"},
      {with(both, {{"TUTTI_LAUNCHER", "torchrun"}}), "torchrun 1/8 local 1/2 root=node-a:29501 job=job7 fd=-1"},
      {with(both, {{"TUTTI_LAUNCHER", "pbs"}}), "error: TUTTI_LAUNCHER='pbs' is not one of: tutti, torchrun"},
      {{{"TUTTI_LAUNCHER", "torchrun"}},
       "error: the environment of launcher torchrun lacks WORLD_SIZE, and TUTTI_LAUNCHER asks for it"},
      // Half of an environment.
      {without(by_hand, "TUTTI_RANK"),
       "error: the environment of launcher tutti lacks TUTTI_RANK (TUTTI_WORLD_SIZE is set); set TUTTI_RANK, or unset "
       "TUTTI_WORLD_SIZE to start without it"},
      {without(by_hand, "TUTTI_WORLD_SIZE"),
       "error: the environment of launcher tutti lacks TUTTI_WORLD_SIZE (TUTTI_RANK is set); set TUTTI_WORLD_SIZE, or "
       "unset TUTTI_RANK to start without it"},
      {without(by_hand, "TUTTI_ROOT"),
       "error: the environment of launcher tutti lacks TUTTI_ROOT (TUTTI_RANK is set); set TUTTI_ROOT, or unset "
       "TUTTI_RANK to start without it"},
      {without(torch, "MASTER_PORT"),
       "error: the environment of launcher torchrun lacks MASTER_PORT (RANK is set); set MASTER_PORT, or unset RANK to "
       "start without it"},
      {without(torch, "LOCAL_WORLD_SIZE"),
       "error: the environment of launcher torchrun lacks LOCAL_WORLD_SIZE (RANK is set); set LOCAL_WORLD_SIZE, or "
       "unset RANK to start without it"},
      // Values that make no sense.
      {with(by_hand, {{"TUTTI_RANK", "4"}}), "error: TUTTI_RANK='4' is not a whole number from 0 to 3"},
      {with(by_hand, {{"TUTTI_RANK", "-1"}}), "error: TUTTI_RANK='-1' is not a whole number from 0 to 3"},
      {with(by_hand, {{"TUTTI_RANK", ""}}), "error: TUTTI_RANK='' is not a whole number from 0 to 3"},
      {with(by_hand, {{"TUTTI_RANK", "1x"}}), "error: TUTTI_RANK='1x' is not a whole number from 0 to 3"},
      {with(by_hand, {{"TUTTI_WORLD_SIZE", "99999999999"}}),
       "error: TUTTI_WORLD_SIZE='99999999999' is not a whole number from 1 to 1048576"},
      {with(by_hand, {{"TUTTI_ROOT", "node-a"}}), "error: TUTTI_ROOT='node-a' is not host:port"},
      {with(by_hand, {{"TUTTI_ROOT", "node-a:0"}}),
       "error: the port of TUTTI_ROOT='0' is not a whole number from 1 to 65535"},
      {with(by_hand, {{"TUTTI_LISTEN_FD", "5"}}),
       "error: TUTTI_LISTEN_FD is set on rank 3, but only rank 0 inherits the listening socket"},
      {with(torch, {{"MASTER_PORT", "65535"}}), "error: MASTER_PORT='65535' is not a whole number from 1 to 65534"},
      {with(torch, {{"LOCAL_RANK", "2"}}), "error: LOCAL_RANK='2' is not a whole number from 0 to 1"},
  };
  for (auto const& [in, expected] : table) CHECK(read(in) == expected);
}

TEST_CASE("the user's settings are read under any launcher, and a value that makes no sense is an error") {
  using namespace std::chrono_literals;
  auto const timeout = [](char const* text) {
    return tutti::detail::read_settings(look_in({{"TUTTI_TIMEOUT", text}})).timeout;
  };
  CHECK(timeout("60") == 60s);
  CHECK(timeout("7s") == 7s);
  CHECK(timeout("1500ms") == 1500ms);
  for (char const* const bad : {"", "0", "-1", "s", "ms", "5m", "1.5"}) CHECK_THROWS_AS(timeout(bad), tutti::error);
  auto const trusted = [](environment const& in) { return tutti::detail::read_settings(look_in(in)).trusted_network; };
  CHECK_FALSE(trusted({}));
  CHECK(trusted({{"TUTTI_TRUSTED_NETWORK", "1"}}));
  CHECK_FALSE(trusted({{"TUTTI_TRUSTED_NETWORK", "0"}}));
  CHECK_THROWS_AS(trusted({{"TUTTI_TRUSTED_NETWORK", "yes"}}), tutti::error);
}
