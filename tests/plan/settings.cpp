// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/settings.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

#include <tutti/plan/explain.hpp>

namespace tp = tutti::plan;
using tutti::algorithm;

namespace {

template <class F>
std::string said(F f) {
  try {
    f();
  } catch (tutti::error const& e) {
    CHECK(e.kind() == tutti::error_kind::config);
    return e.what();
  }
  return "";
}
bool has(std::string const& text, std::string const& words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("a machine written down reads back to the same bits; what is left out keeps its default") {
  tutti::machine m;
  m.latency = 1.0 / 3;
  m.link = 7e-5;
  m.cores = 0.25;
  CHECK(tp::parse_machine(tp::to_text(m)) == m);
  CHECK(tp::parse_machine("") == tutti::machine{});
  tutti::machine const given = tp::parse_machine("latency=50,link=0.8");
  CHECK(given.latency == 50);
  CHECK(given.link == 0.8);
  CHECK(given.overhead == tutti::machine{}.overhead);
}

TEST_CASE("a machine that cannot be is refused in one sentence") {
  for (auto const* text :
       {"latency", "latency=", "latency=-1", "latency=nan", "latency=5us", "cores=0", "speed=1", "=1"})
    CHECK_MESSAGE(has(said([&] { (void)tp::parse_machine(text); }), "the machine \""), text);
}

TEST_CASE("algorithms are given by name, and refused where there is no such thing") {
  auto const wish = tp::parse_preferences("allreduce:ring,broadcast:star");
  CHECK(wish[static_cast<std::size_t>(tp::collective::allreduce)] == algorithm::ring);
  CHECK(wish[static_cast<std::size_t>(tp::collective::broadcast)] == algorithm::star);
  CHECK(wish[static_cast<std::size_t>(tp::collective::reduce)] == algorithm::automatic);
  CHECK(has(said([] { (void)tp::parse_preferences("gather:ring"); }), "gather has no ring; it has star, binomial"));
  CHECK(
      has(said([] { (void)tp::parse_preferences("sum:ring"); }), "no collective \"sum\"; there are broadcast, reduce"));
  CHECK(
      has(said([] { (void)tp::parse_preferences("reduce:best"); }), "no algorithm \"best\"; there are exchange, star"));
  CHECK(has(said([] { (void)tp::parse_preferences("reduce"); }), "\"reduce\" has no ':'"));
}

TEST_CASE("every algorithm is explained: its time, whether it is taken, and what forbids it") {
  std::string const text = tp::explain(tp::collective::allreduce, 6, 4);
  CHECK(has(text, "allreduce of 4 bytes among 6 ranks\n"));
  CHECK(has(text, "  * star "));
  CHECK(has(tp::explain(tp::collective::reduce_scatter, 6, 4), "for a power of two of ranks only"));
  CHECK(has(text, "for two ranks only"));
  CHECK(has(text, "not allowed: leaves the canonical order"));
  CHECK(has(tp::explain(tp::collective::allreduce, 6, 4, {}, algorithm::ring, {.order = tutti::order::any}),
            "  * ring "));
  CHECK(has(tp::explain(tp::collective::broadcast, 1, 4), "nothing to send"));
}
