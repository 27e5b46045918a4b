// SPDX-License-Identifier: BSL-1.0
// A directory that lives as long as a test case, and files in it.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <system_error>

struct scratch {
  std::filesystem::path path;

  scratch() {
    static std::atomic<int> number{0};
    path = std::filesystem::temp_directory_path() /
           ("tutti-test-" + std::to_string(std::random_device{}()) + "-" + std::to_string(++number));
    std::filesystem::create_directory(path);
  }
  scratch(scratch const&) = delete;
  scratch& operator=(scratch const&) = delete;
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  [[nodiscard]] std::string file(std::string const& name) const { return (path / name).string(); }
  /// The path of a new file that holds `bytes`.
  std::string write(std::string const& name, std::string const& bytes) const {
    std::ofstream(file(name), std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file(name);
  }
};

/// What `call` says when it throws; "accepted" if it does not.
template <class Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (std::exception const& problem) {
    return problem.what();
  }
  return "accepted";
}
