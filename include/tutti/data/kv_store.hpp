// SPDX-License-Identifier: BSL-1.0
// What a store of keys and values must do to serve a job: as a meeting point, a counter, a cache. And the one that is
// memory of this process.
#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Keys and values are any bytes; each call is atomic, whoever else uses the store.
///
/// set(key, value)             replaces what was there
/// get(key)                    the value, or nothing
/// wait(key, timeout)          the value, as soon as there is one; throws `timeout`
/// add(key, n)                 the number under the key (0 where there is none) plus n, which is stored as decimal
/// text;
///                             throws `config` if the value is no number
/// cas(key, expected, value)   sets the value if the present one is `expected` (nothing: if there is none); whether it
///                             did
template <class S>
concept kv_store = requires(S& s, std::string_view key, std::optional<std::string_view> expected,
                            std::chrono::nanoseconds timeout) {
  s.set(key, key);
  { s.get(key) } -> std::same_as<std::optional<std::string>>;
  { s.wait(key, timeout) } -> std::same_as<std::string>;
  { s.add(key, std::int64_t{1}) } -> std::same_as<std::int64_t>;
  { s.cas(key, expected, key) } -> std::same_as<bool>;
};

namespace detail {

/// present + n, for the store that keeps numbers as text.
inline std::int64_t add_to_text(std::string_view key, std::optional<std::string> const& present, std::int64_t n) {
  std::int64_t value = 0;
  if (present) {
    auto const [end, problem] = std::from_chars(present->data(), present->data() + present->size(), value);
    if (problem != std::errc{} || end != present->data() + present->size())
      throw error(error_kind::config, "the store holds \"" + present->substr(0, 40) + "\" under '" + std::string(key) +
                                          "', which is no number to add to");
  }
  using limits = std::numeric_limits<std::int64_t>;
  if (n > 0 ? value > (limits::max)() - n : value < (limits::min)() - n)
    throw error(error_kind::config, "the number under '" + std::string(key) + "' would not fit into 64 bits");
  return value + n;
}

[[noreturn]] inline void throw_not_there(std::string_view key, std::chrono::nanoseconds timeout) {
  auto const waited = std::chrono::duration_cast<std::chrono::milliseconds>(timeout);
  throw error(error_kind::timeout, "nobody set '" + std::string(key) + "' in the store within " +
                                       std::to_string(waited.count()) + " ms: has its writer started?");
}

/// wait() of a store that can only be asked.
template <class S>
[[nodiscard]] std::string ask_until_there(S& store, std::string_view key, std::chrono::nanoseconds timeout) {
  auto const deadline = std::chrono::steady_clock::now() + timeout;
  for (auto pause = std::chrono::milliseconds(1);; pause = pause < std::chrono::milliseconds(50) ? 2 * pause : pause) {
    if (auto value = store.get(key)) return *std::move(value);
    auto const now = std::chrono::steady_clock::now();
    if (now >= deadline) throw_not_there(key, timeout);
    std::this_thread::sleep_until(pause < deadline - now ? now + pause : deadline);
  }
}

}  // namespace detail

/// For the threads of one process. Copies share what they hold.
class memory_store {
 public:
  void set(std::string_view key, std::string_view value) {
    std::lock_guard const lock(held_->mutex);
    put(key, std::string(value));
  }
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const {
    std::lock_guard const lock(held_->mutex);
    return find(key);
  }
  [[nodiscard]] std::string wait(std::string_view key, std::chrono::nanoseconds timeout) const {
    std::unique_lock lock(held_->mutex);
    std::optional<std::string> value;
    auto const there = [&] { return (value = find(key)).has_value(); };
    if (!held_->changed.wait_for(lock, timeout, there)) detail::throw_not_there(key, timeout);
    return *std::move(value);
  }
  std::int64_t add(std::string_view key, std::int64_t n) {
    std::lock_guard const lock(held_->mutex);
    std::int64_t const added = detail::add_to_text(key, find(key), n);
    put(key, std::to_string(added));
    return added;
  }
  bool cas(std::string_view key, std::optional<std::string_view> expected, std::string_view value) {
    std::lock_guard const lock(held_->mutex);
    if (find(key) != expected) return false;
    put(key, std::string(value));
    return true;
  }

 private:
  struct contents {
    mutable std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, std::string, std::less<>> values;
  };
  [[nodiscard]] std::optional<std::string> find(std::string_view key) const {
    auto const at = held_->values.find(key);
    return at == held_->values.end() ? std::nullopt : std::optional(at->second);
  }
  void put(std::string_view key, std::string value) {
    held_->values.insert_or_assign(std::string(key), std::move(value));
    held_->changed.notify_all();
  }

  std::shared_ptr<contents> held_ = std::make_shared<contents>();
};
static_assert(kv_store<memory_store>);

/// A store in which all keys begin with `prefix`: two jobs with different prefixes do not see each other. The store
/// must outlive it.
template <kv_store S>
class prefixed_store {
 public:
  prefixed_store(S& store, std::string prefix) : store_(&store), prefix_(std::move(prefix)) {}

  void set(std::string_view key, std::string_view value) { store_->set(full(key), value); }
  [[nodiscard]] std::optional<std::string> get(std::string_view key) { return store_->get(full(key)); }
  [[nodiscard]] std::string wait(std::string_view key, std::chrono::nanoseconds timeout) {
    return store_->wait(full(key), timeout);
  }
  std::int64_t add(std::string_view key, std::int64_t n) { return store_->add(full(key), n); }
  bool cas(std::string_view key, std::optional<std::string_view> expected, std::string_view value) {
    return store_->cas(full(key), expected, value);
  }

 private:
  [[nodiscard]] std::string full(std::string_view key) const { return prefix_ + std::string(key); }

  S* store_;
  std::string prefix_;
};
static_assert(kv_store<prefixed_store<memory_store>>);

}  // namespace tutti::inline TUTTI_ABI
