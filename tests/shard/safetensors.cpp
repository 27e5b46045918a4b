// SPDX-License-Identifier: BSL-1.0
// Promises of shard/safetensors.hpp: what is exported is read by a program that knows the format alone.
#include <tutti/shard/safetensors.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>
#include <tutti/shard/checkpoint.hpp>

#include <array>
#include <complex>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "../data/scratch.hpp"

TEST_CASE("an export names every tensor, its type and shape, and holds its numbers row by row") {
  struct {
    float matrix[2][3] = {{1, 2, 3}, {4, 5, 6.5F}};
    std::map<std::string, std::vector<double>> by_name{{"a \"quoted\"\n\\name", {0.5, 0.25}}};
    std::vector<tutti::half> halves = std::vector<tutti::half>(3, tutti::half(1.5F));
    std::vector<float> large = std::vector<float>(300'001, 0.25F);  // more than one block
    std::int64_t scalar = -7;
    bool yes = true;
  } state;
  state.large.front() = 2;
  state.large.back() = 3;
  scratch const dir;
  tutti::testing::run_ranks(
      3, [&](tutti::communicator& world) { tutti::checkpoint::save(dir.path.string(), state, world); });
  std::string const file = dir.file("model.safetensors");
  tutti::checkpoint::export_safetensors(dir.path.string(), file);
  CHECK_FALSE(std::filesystem::exists(file + ".part"));

#if !defined(_WIN32)
  auto const script = std::filesystem::path(__FILE__).parent_path().parent_path() / "read_safetensors.py";
  std::string const command = "python3 '" + script.string() + "' '" + file + "' 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string said;
  for (std::array<char, 256> line{}; std::fgets(line.data(), line.size(), pipe) != nullptr;) said += line.data();
  CHECK(::pclose(pipe) == 0);
  CHECK(said ==
        "\"matrix\" F32 [2, 3] 1.0 6.5 21.5\n"
        "\"by_name.a \\\"quoted\\\"\\n\\\\name\" F64 [2] 0.5 0.25 0.75\n"
        "\"halves\" F16 [3] 1.5 1.5 4.5\n"
        "\"large\" F32 [300001] 2.0 3.0 75004.75\n"
        "\"scalar\" I64 [] -7.0 -7.0 -7.0\n"
        "\"yes\" BOOL [] 1.0 1.0 1.0\n");
#endif
}

TEST_CASE("numbers that the format does not have are refused by name, and no file appears") {
  struct {
    std::complex<float> wave{1, 2};
  } state;
  scratch const dir;
  tutti::testing::run_ranks(
      1, [&](tutti::communicator& world) { tutti::checkpoint::save(dir.path.string(), state, world); });
  CHECK(refusal([&] {
          tutti::checkpoint::export_safetensors(dir.path.string(), dir.file("x"));
        }).find("tensor 'wave' holds complex64") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir.file("x")));
}
