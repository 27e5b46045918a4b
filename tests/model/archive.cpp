// SPDX-License-Identifier: BSL-1.0
#include <tutti/model/archive.hpp>

#include <doctest/doctest.h>

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "five_models.hpp"

// Every allocation of the program is counted while a test asks for it.
namespace {
thread_local std::size_t allocated = 0;
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocated += size;
  if (void* p = std::malloc(size > 0 ? size : 1)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

enum class color : std::uint8_t { red, green };
enum checked { low = 1, high = 2 };
bool tutti_valid(checked, long long value) { return value == low || value == high; }

struct nothing {
  friend bool operator==(nothing, nothing) = default;
};
struct point {
  double x = 0, y = 0;
  friend bool operator==(point const&, point const&) = default;
};
struct everything {
  std::string text;
  std::vector<std::string> lines;
  std::vector<bool> flags;
  std::vector<float> numbers;
  std::map<std::string, std::vector<int>> sorted;
  std::unordered_map<int, point> hashed;
  std::set<std::string> words;
  std::unordered_set<int> ids;
  std::tuple<float, std::string> three;
  std::pair<int, point> two;
  std::optional<point> present, absent;
  std::variant<int, std::string, point> either;
  std::list<point> chain;
  std::deque<nothing> nothings;
  std::array<std::string, 2> names;
  double grid[2][3] = {};
  std::complex<double> z;
  color c = color::red;
  checked k = low;
  bool yes = false;
  std::multimap<int, int> many;
  friend bool operator==(everything const&, everything const&) = default;
};
everything make() {
  everything e;
  e.text = "tutti";
  e.lines = {"a", "", "bc"};
  e.flags = {true, false, true};
  e.numbers = {1, 2, 3};
  e.sorted = {{"x", {1, 2}}, {"y", {}}};
  e.hashed = {{1, {1, 2}}, {2, {3, 4}}};
  e.words = {"p", "q"};
  e.ids = {5, 6, 7};
  e.three = {1.5F, "t"};
  e.two = {1, {2, 3}};
  e.present = point{4, 5};
  e.either = point{6, 7};
  e.chain = {{1, 1}, {2, 2}};
  e.nothings.resize(3);
  e.names = {"n", "m"};
  e.grid[1][2] = 9;
  e.z = {1, -1};
  e.c = color::green;
  e.k = high;
  e.yes = true;
  e.many = {{1, 1}, {1, 2}};
  return e;
}
struct tree {
  float w = 0;
  std::vector<tree> kids;
  std::unique_ptr<tree> left;
};
struct ring {
  std::shared_ptr<ring> next;
};

template <class T>
T round_trip(T const& object) {
  T back{};
  tutti::decode(tutti::encode(object), back);
  return back;
}

template <class T>
bool refused(tutti::const_bytes data) {
  T object{};
  try {
    tutti::decode(data, object);
  } catch (tutti::error const& e) {
    CHECK(e.kind() == tutti::error_kind::protocol);
    return true;
  }
  return false;
}

std::vector<std::byte> message(std::initializer_list<std::uint64_t> words, std::size_t padding = 0) {
  std::vector<std::byte> data{std::byte{tutti::archive_version}};
  for (std::uint64_t word : words) {
    data.resize(data.size() + 8);
    tutti::store_little(data.data() + data.size() - 8, word);
  }
  data.resize(data.size() + padding);
  return data;
}

// `per_element`: the fewest bytes of one element in the archive.
template <class T>
void check_hostile_counts(std::size_t per_element) {
  std::size_t const left = 24;
  std::uint64_t const most = left / per_element;
  for (std::uint64_t count : {most + 1, std::uint64_t{1} << 31U, std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
    auto const data = message({count}, left);
    std::size_t const before = allocated;
    CHECK(refused<T>(data));
    CHECK(allocated - before < 4096);
  }
  std::size_t const before = allocated;
  T object{};
  try {
    tutti::decode(message({most}, left), object);
  } catch (tutti::error const& e) {
    CHECK(e.kind() == tutti::error_kind::protocol);
  }
  CHECK(allocated - before < 4096);
}

template <class T>
void check_truncations(T const& object) {
  auto data = tutti::encode(object);
  for (std::size_t n = 0; n < data.size(); ++n) CHECK(refused<T>(tutti::const_bytes(data).first(n)));
  data.push_back(std::byte{0});
  CHECK(refused<T>(data));
}

}  // namespace

TEST_CASE("the bytes of an archive are fixed") {
  struct small {
    std::int32_t a = 0x01020304;
    std::string s = "hi";
    bool b = true;
    std::optional<std::uint16_t> o = std::uint16_t{0x0506};
  };
  std::vector<int> expected = {1, 4, 3, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 'h', 'i', 1, 1, 6, 5};
  std::vector<int> got;
  for (std::byte b : tutti::encode(small{})) got.push_back(std::to_integer<int>(b));
  CHECK(got == expected);
}

TEST_CASE("what is decoded equals what was encoded") {
  everything const e = make();
  CHECK(round_trip(e) == e);
  CHECK(round_trip(everything{}) == everything{});
  tree t;
  t.kids.resize(3);
  t.kids[1].w = 5;
  t.left = std::make_unique<tree>();
  tree const back = round_trip(t);
  CHECK(back.kids.size() == 3);
  CHECK(back.kids[1].w == 5.0F);
  CHECK(back.left != nullptr);
}

TEST_CASE("decoding replaces what was there") {
  everything full = make();
  tutti::decode(tutti::encode(everything{}), full);
  CHECK(full == everything{});
}

TEST_CASE("models travel whole, by whatever route they are opened") {
  auto check = [](auto const& m) { CHECK(tutti::encode(round_trip(m)) == tutti::encode(m)); };
  check(five::plain{});
  check(five::make_containers());
  check(five::behind_boost{});
  check(five::hooked{});
  check(five::make_eigen());
  five::eigen back;
  tutti::decode(tutti::encode(five::make_eigen()), back);
  CHECK(back.layers.at(0).weight == five::make_eigen().layers[0].weight);
  CHECK(back.layers.at(1).bias(0) == 11.0F);
}

TEST_CASE("objects behind shared pointers stay shared, even in a ring") {
  auto one = std::make_shared<point>();
  auto const back = round_trip(std::vector<std::shared_ptr<point>>{one, one, nullptr});
  CHECK(back[0] != nullptr);
  CHECK(back[0] == back[1]);
  CHECK(back[2] == nullptr);
  ring r{std::make_shared<ring>()};
  r.next->next = r.next;
  ring copy = round_trip(r);
  CHECK(copy.next->next == copy.next);
  copy.next->next.reset();
  r.next->next.reset();
}

TEST_CASE("an archive cut at any byte, or with a byte too many, is refused") {
  check_truncations(make());
  check_truncations(five::plain{});
  check_truncations(five::make_containers());
  check_truncations(five::behind_boost{});
  check_truncations(five::make_eigen());
  check_truncations(five::hooked{});
}

TEST_CASE("counts that the rest of the message cannot hold are refused before anything is allocated") {
  check_hostile_counts<std::string>(1);
  check_hostile_counts<std::vector<float>>(4);
  check_hostile_counts<std::vector<bool>>(1);
  check_hostile_counts<std::vector<nothing>>(1);
  check_hostile_counts<std::vector<point>>(16);
  check_hostile_counts<std::vector<std::string>>(8);
  check_hostile_counts<std::list<std::vector<int>>>(8);
  check_hostile_counts<std::map<std::string, int>>(12);
  check_hostile_counts<std::unordered_map<int, std::string>>(12);
  check_hostile_counts<std::set<int>>(4);
  check_hostile_counts<std::unordered_set<std::uint8_t>>(1);
  check_hostile_counts<std::vector<five::boost_layer>>(1);
  check_hostile_counts<std::vector<five::hooked_layer>>(1);
}

TEST_CASE("extents of a matrix that the rest of the message cannot hold are refused") {
  for (std::uint64_t n : {std::uint64_t{3}, std::uint64_t{1} << 31U, std::uint64_t{1} << 32U, std::uint64_t{1} << 63U,
                          ~std::uint64_t{0}}) {
    std::size_t const before = allocated;
    CHECK(refused<Eigen::MatrixXf>(message({n, n}, 16)));
    CHECK(refused<Eigen::MatrixXf>(message({n, 2}, 16)));
    CHECK(refused<Eigen::Matrix2f>(message({1, n}, 16)));
    CHECK(allocated - before < 8192);
  }
  CHECK(refused<Eigen::VectorXf>(message({2, 2}, 16)));
  CHECK(refused<Eigen::Matrix2f>(message({4, 1}, 16)));
  CHECK_FALSE(refused<Eigen::Matrix2f>(message({2, 2}, 16)));
}

TEST_CASE("a hostile megabyte makes the decoder allocate a small multiple of a megabyte") {
  auto check = []<class T>(T object) {
    std::size_t const size = std::size_t{1} << 20U;
    auto data = message({size - 1}, size);
    std::size_t const before = allocated;
    try {
      tutti::decode(data, object);
    } catch (tutti::error const&) {
    }
    CHECK(allocated - before < 40 * size);  // doubling vectors of small objects; Boost's own would ask for 50 GB
  };
  check(std::vector<five::boost_layer>());
  check(std::vector<five::hooked_layer>());
  check(std::string());
  check(std::vector<nothing>());
}

TEST_CASE("bytes that no value has are refused") {
  auto one = [](int b) { return std::vector<std::byte>{std::byte{tutti::archive_version}, static_cast<std::byte>(b)}; };
  CHECK_FALSE(refused<bool>(one(1)));
  CHECK(refused<bool>(one(2)));
  CHECK(refused<std::array<bool, 1>>(one(255)));
  CHECK(refused<std::optional<nothing>>(one(3)));
  CHECK(refused<nothing>(one(1)));
  CHECK(refused<std::shared_ptr<int>>(one(3)));
  CHECK(refused<std::variant<nothing, bool>>(one(2)));
  auto unknown = tutti::encode(low);
  unknown[1] = std::byte{77};
  CHECK(refused<checked>(unknown));
  auto other_version = tutti::encode(1);
  other_version[0] = std::byte{tutti::archive_version + 1};
  CHECK(refused<int>(other_version));
  CHECK(refused<std::set<std::uint64_t>>(message({2, 5, 5})));
  CHECK_FALSE(refused<std::set<std::uint64_t>>(message({2, 5, 6})));
}

TEST_CASE("a message cannot ask for more stack than the depth cap allows") {
  std::vector<std::byte> data{std::byte{tutti::archive_version}};
  for (int i = 0; i < 100000; ++i) {
    data.resize(data.size() + 12);  // w = 0, one kid
    data[data.size() - 8] = std::byte{1};
  }
  tree t;
  CHECK_THROWS_WITH_AS(tutti::decode(data, t), doctest::Contains("nests deeper"), tutti::error);
  tree deep;
  tree* at = &deep;
  for (int i = 0; i < 1000; ++i) at = &at->kids.emplace_back();
  CHECK_THROWS_AS(static_cast<void>(tutti::encode(deep)), tutti::error);
}

TEST_CASE("random damage is refused or decoded, never anything else") {
  auto const whole = tutti::encode(make());
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    auto data = whole;
    for (int k = 0; k < 3; ++k) data[random() % data.size()] = static_cast<std::byte>(random() % 256);
    std::size_t const before = allocated;
    everything e;
    try {
      tutti::decode(data, e);
    } catch (tutti::error const& problem) {
      REQUIRE(problem.kind() == tutti::error_kind::protocol);
    }
    REQUIRE(allocated - before < 64 * data.size() + 8192);
  }
}

TEST_CASE("the concept knows what the archive carries") {
  CHECK(tutti::serialisable<everything>);
  CHECK(tutti::serialisable<tree>);
  CHECK(tutti::serialisable<five::behind_boost>);
  CHECK_FALSE(tutti::serialisable<float*>);
  CHECK_FALSE(tutti::serialisable<std::string_view>);
  CHECK_FALSE(tutti::serialisable<std::vector<std::span<int>>>);
  CHECK_FALSE(tutti::serialisable<std::map<int, int*>>);
}
