// SPDX-License-Identifier: BSL-1.0
// Opt in: a Redis server as a kv_store. Needs hiredis (target tutti::redis).
#pragma once

#include <hiredis/hiredis.h>

#include <sys/time.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data.hpp>

namespace tutti::inline TUTTI_ABI {

/// Where the server is.
struct redis_options {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string password{};                                       ///< sent as AUTH, if there is one
  std::chrono::milliseconds timeout = std::chrono::seconds(5);  ///< for connecting, and for every answer
};

/// A connection to a Redis server. What earlier jobs left is still there: give each job a prefix (`prefixed_store`).
/// Nothing is encrypted. wait() asks every 50 ms at the latest. One thread at a time; after an error of kind peer_lost
/// make a new one.
class redis_store {
 public:
  explicit redis_store(redis_options const& where = {}) : name_(where.host + ":" + std::to_string(where.port)) {
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(where.timeout);
    auto const rest = std::chrono::duration_cast<std::chrono::microseconds>(where.timeout - seconds);
    ::timeval const patience{static_cast<decltype(::timeval::tv_sec)>(seconds.count()),
                             static_cast<decltype(::timeval::tv_usec)>(rest.count())};
    server_.reset(::redisConnectWithTimeout(where.host.c_str(), where.port, patience));
    if (!server_) throw error(error_kind::resource, "no memory for a connection to Redis");
    if (server_->err != 0)
      throw error(error_kind::config, "no Redis server answers at " + name_ + ": " + server_->errstr);
    ::redisSetTimeout(server_.get(), patience);
    if (!where.password.empty()) (void)ask("AUTH", {where.password}, "the password");
  }

  void set(std::string_view key, std::string_view value) { (void)ask("SET", {key, value}, key); }
  [[nodiscard]] std::optional<std::string> get(std::string_view key) {
    answer const said = ask("GET", {key}, key);
    if (said->type == REDIS_REPLY_NIL) return std::nullopt;
    return std::string(said->str, said->len);
  }
  [[nodiscard]] std::string wait(std::string_view key, std::chrono::nanoseconds timeout) {
    return detail::ask_until_there(*this, key, timeout);
  }
  std::int64_t add(std::string_view key, std::int64_t n) {
    return ask("INCRBY", {key, std::to_string(n)}, key)->integer;
  }
  bool cas(std::string_view key, std::optional<std::string_view> expected, std::string_view value) {
    static constexpr std::string_view swap =
        "local v = redis.call('GET', KEYS[1]) "
        "if (ARGV[1] == '1' and v == ARGV[2]) or (ARGV[1] == '0' and not v) then "
        "redis.call('SET', KEYS[1], ARGV[3]) return 1 end return 0";
    return ask("EVAL", {swap, "1", key, expected ? "1" : "0", expected.value_or(""), value}, key)->integer != 0;
  }

 private:
  struct free_reply {
    void operator()(::redisReply* r) const noexcept { ::freeReplyObject(r); }
  };
  struct close {
    void operator()(::redisContext* c) const noexcept { ::redisFree(c); }
  };
  using answer = std::unique_ptr<::redisReply, free_reply>;

  /// `about` is named where the server refuses.
  answer ask(std::string_view verb, std::initializer_list<std::string_view> arguments, std::string_view about) {
    std::vector<char const*> texts{verb.data()};
    std::vector<std::size_t> lengths{verb.size()};
    for (std::string_view const argument : arguments) {
      texts.push_back(argument.data() == nullptr ? "" : argument.data());
      lengths.push_back(argument.size());
    }
    answer said(static_cast<::redisReply*>(
        ::redisCommandArgv(server_.get(), static_cast<int>(texts.size()), texts.data(), lengths.data())));
    if (!said)
      throw error(error_kind::peer_lost,
                  "the Redis server at " + name_ + " does not answer any more: " + server_->errstr);
    if (said->type == REDIS_REPLY_ERROR)
      throw error(error_kind::config, "the Redis server at " + name_ + " refuses " + std::string(verb) + " of '" +
                                          std::string(about.substr(0, 40)) + "': " + std::string(said->str, said->len));
    return said;
  }

  std::string name_;
  std::unique_ptr<::redisContext, close> server_;
};
static_assert(kv_store<redis_store>);

}  // namespace tutti::inline TUTTI_ABI
