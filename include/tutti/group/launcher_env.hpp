// SPDX-License-Identifier: BSL-1.0
// Who are we, according to the program that started us: one table of launchers and the variables they set.
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// What a launcher said.
struct world_from_environment {
  std::string launcher;  ///< "tutti", "torchrun", …; empty: no launcher, a world of one
  int rank = 0;
  int size = 1;
  int local_rank = -1;  ///< among the ranks of this host; -1 where the launcher does not say
  int local_size = -1;  ///< ranks on this host; -1 where the launcher does not say
  std::string root;     ///< "host:port" or "[v6]:port"; empty only in a world of one
  std::string job;      ///< any text, the same on every rank; empty where the launcher has none
  int listener = -1;    ///< rank 0: an inherited descriptor that listens at `root`; else -1
};

/// One launcher: the variables it sets; nullptr for what it has no variable for.
struct launcher_row {
  char const* name;
  char const* rank;
  char const* size;
  char const* local_rank;
  char const* local_size;
  char const* root;  ///< "host:port" in one variable, or
  char const* host;  ///< … in two,
  char const* port;
  int port_offset;  ///< of which ours is this much above
  char const* job;
  char const* listener;
  /// Any of these in the environment means that this launcher started us.
  std::array<char const*, 6> signs;
};

// Earlier rows win. torchrun: its agent may hold MASTER_PORT for a store of its own, so we meet one above; and
// MASTER_ADDR alone is no sign, since people set it for good in their profiles.
inline constexpr std::array<launcher_row, 2> launchers{{
    {"tutti",
     "TUTTI_RANK",
     "TUTTI_WORLD_SIZE",
     "TUTTI_LOCAL_RANK",
     "TUTTI_LOCAL_SIZE",
     "TUTTI_ROOT",
     nullptr,
     nullptr,
     0,
     "TUTTI_JOB_ID",
     "TUTTI_LISTEN_FD",
     {"TUTTI_RANK", "TUTTI_WORLD_SIZE", "TUTTI_LOCAL_RANK", "TUTTI_LOCAL_SIZE", "TUTTI_ROOT", "TUTTI_LISTEN_FD"}},
    {"torchrun",
     "RANK",
     "WORLD_SIZE",
     "LOCAL_RANK",
     "LOCAL_WORLD_SIZE",
     nullptr,
     "MASTER_ADDR",
     "MASTER_PORT",
     1,
     "TORCHELASTIC_RUN_ID",
     nullptr,
     {"RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", nullptr, nullptr, nullptr}},
}};

/// Gives the value of a variable, or null if it is not set. The text must stay until the reading is done.
using environment_lookup = std::function<char const*(char const* name)>;

/// The process's own environment.
template <class = on_use>
[[nodiscard]] environment_lookup system_environment() {
  return [](char const* name) { return static_cast<char const*>(std::getenv(name)); };
}

/// Throws `config`: "<name>='<value>' is not <wanted>".
template <class = on_use>
[[noreturn]] void throw_variable(std::string_view name, std::string_view value, std::string const& wanted) {
  throw error(error_kind::config, std::string(name) + "='" + std::string(value) + "' is not " + wanted);
}

/// The whole of `text` as a number within [low, high].
template <class = on_use>
int parse_variable(std::string_view name, std::string_view text, int low, int high) {
  int value = 0;
  auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc{} || end != text.data() + text.size() || value < low || value > high)
    throw_variable(name, text, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return value;
}

/// Reads the variables of one row.
template <class = on_use>
class basic_row_reader {
 public:
  basic_row_reader(launcher_row const& row, environment_lookup const& lookup) : row_(row), lookup_(lookup) {}

  [[nodiscard]] bool present() const { return sign() != nullptr; }

  [[nodiscard]] world_from_environment read() const {
    constexpr int most = 1 << 20;
    world_from_environment world;
    world.launcher = row_.name;
    world.size = number(row_.size, 1, most);
    world.rank = number(row_.rank, 0, world.size - 1);
    if (lookup_(row_.local_rank) || lookup_(row_.local_size)) {  // not every launcher of a family sets them
      world.local_size = number(row_.local_size, 1, world.size);
      world.local_rank = number(row_.local_rank, 0, world.local_size - 1);
    }
    world.root = read_root(world.size);
    if (row_.job != nullptr) world.job = text_or_none(row_.job);
    if (row_.listener != nullptr && lookup_(row_.listener)) {
      world.listener = number(row_.listener, 3, most);
      if (world.rank != 0)
        throw error(error_kind::config, std::string(row_.listener) + " is set on rank " + std::to_string(world.rank) +
                                            ", but only rank 0 inherits the listening socket");
    }
    return world;
  }

 private:
  [[nodiscard]] char const* sign() const {
    for (char const* const name : row_.signs)
      if (name != nullptr && lookup_(name)) return name;
    return nullptr;
  }

  [[nodiscard]] std::string text(char const* name) const {
    if (char const* const value = lookup_(name)) return value;
    char const* const seen = sign();
    std::string cause = std::string("the environment of launcher ") + row_.name + " lacks " + name;
    if (seen != nullptr)
      cause += std::string(" (") + seen + " is set); set " + name + ", or unset " + seen + " to start without it";
    else
      cause += ", and TUTTI_LAUNCHER asks for it";
    throw error(error_kind::config, cause);
  }

  [[nodiscard]] std::string text_or_none(char const* name) const {
    char const* const value = lookup_(name);
    return value != nullptr ? value : "";
  }

  [[nodiscard]] int number(char const* name, int low, int high) const {
    return parse_variable(name, text(name), low, high);
  }

  [[nodiscard]] std::string read_root(int size) const {
    if (size == 1) return row_.root != nullptr ? text_or_none(row_.root) : std::string();
    if (row_.root == nullptr) {
      std::string host = text(row_.host);
      if (host.empty()) throw_variable(row_.host, host, "a host");
      if (host.find(':') != std::string::npos && host.front() != '[') host = "[" + host + "]";
      return host + ":" + std::to_string(number(row_.port, 1, 65535 - row_.port_offset) + row_.port_offset);
    }
    std::string root = text(row_.root);
    std::size_t const colon = root.rfind(':');
    if (colon == std::string::npos || colon == 0) throw_variable(row_.root, root, "host:port");
    parse_variable(std::string("the port of ") + row_.root, std::string_view(root).substr(colon + 1), 1, 65535);
    return root;
  }

  launcher_row const& row_;
  environment_lookup const& lookup_;
};
/// The world this process was started into; without a launcher's name if none left a sign: a world of one.
/// TUTTI_LAUNCHER names the row to read, whatever other signs there are. Throws `config` naming the variable that is
/// missing or makes no sense; a half-set environment never becomes a world of one.
template <class Use = on_use>
[[nodiscard]] world_from_environment read_environment(environment_lookup const& lookup) {
  char const* const forced = lookup("TUTTI_LAUNCHER");
  std::string known;
  for (auto const& row : launchers) {
    basic_row_reader<Use> const reader(row, lookup);
    if (forced != nullptr ? std::string_view(forced) == row.name : reader.present()) return reader.read();
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  if (forced != nullptr) throw_variable("TUTTI_LAUNCHER", forced, "one of: " + known);
  return {};
}

/// What the user may say through the environment under any launcher.
struct settings_from_environment {
  bool trusted_network = false;          ///< TUTTI_TRUSTED_NETWORK: 1 or 0
  std::chrono::milliseconds timeout{0};  ///< TUTTI_TIMEOUT: seconds, "60" or "60s", or "1500ms"; 0: not set
};

template <class = on_use>
[[nodiscard]] settings_from_environment read_settings(environment_lookup const& lookup) {
  settings_from_environment settings;
  if (auto const trusted = lookup("TUTTI_TRUSTED_NETWORK"))
    settings.trusted_network = parse_variable("TUTTI_TRUSTED_NETWORK", trusted, 0, 1) == 1;
  if (auto const timeout = lookup("TUTTI_TIMEOUT")) {
    std::string_view digits = timeout;
    bool const in_ms = digits.ends_with("ms");
    digits.remove_suffix(in_ms ? 2 : digits.ends_with("s") ? 1 : 0);
    int const count = parse_variable("TUTTI_TIMEOUT", digits, 1, in_ms ? 1'000'000'000 : 1'000'000);
    settings.timeout = std::chrono::milliseconds(in_ms ? count : 1000LL * count);
  }
  return settings;
}

}  // namespace tutti::inline TUTTI_ABI::detail
