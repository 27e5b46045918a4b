// SPDX-License-Identifier: BSL-1.0
// A kv_store that is a directory: a file per key.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/file_lock.hpp>
#include <tutti/data/file_window.hpp>
#include <tutti/data/kv_store.hpp>

namespace tutti::inline TUTTI_ABI {

/// For processes that see the same directory, which is made if it is not there. Values appear whole (a new file is
/// renamed into place); those who write take turns. What an earlier job left is still there: give each job a directory,
/// or a prefix. wait() asks every 50 ms at the latest.
class file_store {
 public:
  explicit file_store(std::string directory) : directory_(std::move(directory)) {
    std::error_code problem;
    std::filesystem::create_directories(directory_, problem);
    if (!std::filesystem::is_directory(directory_))
      throw error(error_kind::config, directory_ + " is no directory for a store, and cannot be made one");
  }

  void set(std::string_view key, std::string_view value) {
    detail::file_lock const lock(directory_ + "/.lock");
    put(key, value);
  }
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const {
    std::ifstream file(path(key), std::ios::binary);
    if (!file) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  [[nodiscard]] std::string wait(std::string_view key, std::chrono::nanoseconds timeout) const {
    return detail::ask_until_there(*this, key, timeout);
  }
  std::int64_t add(std::string_view key, std::int64_t n) {
    detail::file_lock const lock(directory_ + "/.lock");
    std::int64_t const added = detail::add_to_text(key, get(key), n);
    put(key, std::to_string(added));
    return added;
  }
  bool cas(std::string_view key, std::optional<std::string_view> expected, std::string_view value) {
    detail::file_lock const lock(directory_ + "/.lock");
    if (get(key) != expected) return false;
    put(key, value);
    return true;
  }

 private:
  /// Letters, digits, '-' and '_' stand for themselves, all else is "%2f".
  [[nodiscard]] std::string path(std::string_view key) const {
    std::string name = "k";
    for (char const c : key) {
      auto const code = static_cast<unsigned char>(c);
      bool const plain =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (plain)
        name += c;
      else
        name.append({'%', "0123456789abcdef"[code >> 4U], "0123456789abcdef"[code & 15U]});
    }
    if (name.size() > 255)
      throw error(error_kind::config,
                  "the key '" + std::string(key.substr(0, 40)) +
                      "…' is too long for a file's name; keys of a file_store have at most 84 bytes");
    return directory_ + "/" + name;
  }
  void put(std::string_view key, std::string_view value) {
    std::string const to = path(key), draft = directory_ + "/.draft";  // one writer at a time
    std::ofstream file(draft, std::ios::binary);
    file.write(value.data(), static_cast<std::streamsize>(value.size()));
    file.close();
    std::error_code problem;
    if (file) std::filesystem::rename(draft, to, problem);
    if (!file || problem)
      throw error(error_kind::resource, directory_ + " cannot hold the value of '" + std::string(key) +
                                            "': is its disk full, or not writable?");
  }

  std::string directory_;
};
static_assert(kv_store<file_store>);

}  // namespace tutti::inline TUTTI_ABI
