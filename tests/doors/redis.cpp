// SPDX-License-Identifier: BSL-1.0
// Promises of redis.hpp, against a real redis-server that this test starts on a free port.
#include <tutti/redis.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../data/store_checks.hpp"

namespace {

/// The program of the server: its own name, or that under which Debian's redis-tools have it, which bring no service.
std::string find_program() {
  for (char const* path : {"/usr/bin/redis-server", "/usr/local/bin/redis-server", "/usr/bin/redis-check-rdb"})
    if (std::filesystem::exists(path)) return path;
  return "";
}

/// A server of this test alone, that keeps nothing on disk.
class server {
 public:
  explicit server(std::string const& program) {
    tutti::net::io_context io;
    port_ = tutti::net::ip::tcp::acceptor(io, {tutti::net::ip::address_v4::loopback(), 0}).local_endpoint().port();
    std::vector<std::string> words{"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1",
                                   "--save",       "",       "--appendonly",        "no",     "--requirepass",
                                   "open sesame"};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    child_ = ::fork();
    if (child_ == 0) {
      int const null = ::open("/dev/null", O_RDWR);
      for (int const fd : {0, 1, 2}) ::dup2(null, fd);
      ::execv(program.c_str(), arguments.data());
      ::_exit(127);
    }
  }
  server(server const&) = delete;
  server& operator=(server const&) = delete;
  ~server() { stop(); }
  void stop() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    child_ = -1;
  }

  [[nodiscard]] tutti::redis_options where() const { return {.port = port_, .password = "open sesame"}; }
  /// Waits until it answers.
  [[nodiscard]] bool up() const {
    for (int i = 0; i < 500; ++i) {
      if (refusal([&] { tutti::redis_store store(where()); }) == "accepted") return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

 private:
  int port_ = 0;
  ::pid_t child_ = -1;
};

/// Each has a prefix of its own in the one server: an empty store.
struct prefixed : tutti::redis_store {
  std::string prefix;
  prefixed(tutti::redis_options const& where, std::string begin) : redis_store(where), prefix(std::move(begin)) {}
  [[nodiscard]] tutti::prefixed_store<tutti::redis_store> keys() { return {*this, prefix}; }
  void set(std::string_view key, std::string_view value) { keys().set(key, value); }
  [[nodiscard]] std::optional<std::string> get(std::string_view key) { return keys().get(key); }
  [[nodiscard]] std::string wait(std::string_view key, std::chrono::nanoseconds timeout) {
    return tutti::detail::ask_until_there(*this, key, timeout);
  }
  std::int64_t add(std::string_view key, std::int64_t n) { return keys().add(key, n); }
  bool cas(std::string_view key, std::optional<std::string_view> expected, std::string_view value) {
    return keys().cas(key, expected, value);
  }
};

}  // namespace

TEST_CASE("a Redis server keeps every promise of a kv_store") {
  std::string const program = find_program();
  if (program.empty()) {
    MESSAGE("skipped: no redis-server here (Debian: redis-tools)");
    return;
  }
  server redis(program);
  REQUIRE(redis.up());
  int number = 0;
  store_checks::all([&] {
    return
        [where = redis.where(), prefix = "part " + std::to_string(++number) + "/"] { return prefixed(where, prefix); };
  });

  auto wrong = redis.where();
  wrong.password = "abracadabra";
  CHECK(refusal([&] { tutti::redis_store store(wrong); }).find(" refuses AUTH of 'the password': ") !=
        std::string::npos);

  tutti::redis_store store(redis.where());
  store.set("k", "v");
  redis.stop();
  CHECK(refusal([&] { store.set("k", "w"); }).find(" does not answer any more: ") != std::string::npos);
  CHECK(refusal([&] { tutti::redis_store late(redis.where()); }).find("no Redis server answers at 127.0.0.1:") == 0);
}
