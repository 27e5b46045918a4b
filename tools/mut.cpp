// SPDX-License-Identifier: BSL-1.0
#include "bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <tutti/tutti.hpp>

#include "../tests/bench/cell.hpp"
#include "sizes.hpp"

namespace tools {

namespace {

struct request {
  std::string calls = "allreduce", sizes = "4:4M", type = "f32", algorithm = "automatic", json;
  int np = 0;
  std::uint64_t factor = 4;
  double seconds = 0.2;
  bool any_order = false;
};

/// What came of one cell, the same on every rank. Microseconds.
struct result {
  double p50 = 0, p99 = 0, loop = 0;
  std::uint64_t samples = 0, wrong = 0;
};

// Size is, as in nccl-tests, that of the longest buffer of a rank.
struct meaning {
  bench::call what;
  bool blocks;  // of as many elements as count says, one for each rank
  char const* size;
};
constexpr meaning meanings[] = {
    {bench::call::allreduce, false, "the buffer of each rank"},
    {bench::call::broadcast, false, "the buffer"},
    {bench::call::reduce, false, "the buffer of each rank"},
    {bench::call::scatter, true, "all blocks, at the root"},
    {bench::call::gather, true, "all blocks, at the root"},
    {bench::call::allgather, true, "all blocks gathered, on each rank"},
    {bench::call::reduce_scatter, true, "all blocks folded, on each rank"},
    {bench::call::alltoall, true, "all blocks sent by a rank"},
    {bench::call::barrier, false, "no data"},
};

/// By which the bandwidth of a call is multiplied to give that of the wires it keeps busy, whatever the ranks.
double bus_factor(bench::call what, int ranks) {
  double const others = static_cast<double>(ranks - 1) / ranks;
  if (what == bench::call::allreduce) return 2 * others;
  return what == bench::call::broadcast || what == bench::call::reduce ? 1 : others;
}

template <class T>
void make(tutti::communicator& world, bench::job<T> const& j, tutti::options const& how) {
  switch (j.what) {
    case bench::call::allreduce:
      return allreduce(world, j.out, how);
    case bench::call::broadcast:
      return broadcast(world, j.out, bench::root, how);
    case bench::call::reduce:
      return reduce(world, j.out, tutti::sum, bench::root, how);
    case bench::call::scatter:
      return scatter(world, j.in, j.out, bench::root, how);
    case bench::call::gather:
      return gather(world, j.in, j.out, bench::root, how);
    case bench::call::allgather:
      return allgather(world, j.in, j.out, how);
    case bench::call::reduce_scatter:
      return reduce_scatter(world, j.in, j.out, tutti::max, how);
    case bench::call::alltoall:
      return alltoall(world, j.in, j.out, how);
    case bench::call::barrier:
      return barrier(world, how);
  }
}

double percentile(std::vector<double> const& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1) + 0.5)];
}

/// Ranks need no common clock: a sample is the time from the end of a barrier to the end of the call, on the rank
/// where that is longest.
template <class T>
result measure(tutti::communicator& world, bench::call what, std::size_t count, tutti::options const& how,
               double seconds) {
  using clock = std::chrono::steady_clock;
  auto const since = [](clock::time_point t) {
    return std::chrono::duration<double, std::micro>(clock::now() - t).count();
  };
  bench::cell<T> cell(what, count, world.rank(), world.size(), "best");
  result all;
  unsigned round = 0;
  std::vector<double> times;
  auto const sample = [&] {
    cell.fill(++round);
    barrier(world);
    auto const start = clock::now();
    make(world, cell.wanted(), how);
    times.push_back(since(start));
    all.wrong += cell.wrong(round);
  };
  auto const calls_within = [&](double least, double most, double per_call) {
    return static_cast<int>((std::clamp)(seconds / 2 * 1e6 / (std::max)(per_call, 0.1), least, most));
  };
  sample();  // opens streams
  sample();
  double const first = allreduce(world, times.back(), tutti::max);
  times.clear();
  for (int left = calls_within(5, 5000, first); left > 0; --left) sample();
  allreduce(world, times, tutti::max);
  std::sort(times.begin(), times.end());
  all.samples = times.size();
  all.p50 = percentile(times, 0.5);
  all.p99 = percentile(times, 0.99);

  cell.fill_balanced();
  int const calls = calls_within(3, 100'000, all.p50);
  barrier(world);
  auto const start = clock::now();
  for (int i = 0; i < calls; ++i) make(world, cell.wanted(), how);
  all.loop = allreduce(world, since(start) / calls, tutti::max);
  all.wrong = allreduce(world, all.wrong);
  return all;
}

struct element {
  char const* name;
  std::size_t size;
  result (*measured)(tutti::communicator&, bench::call, std::size_t, tutti::options const&, double);
};
constexpr element elements[] = {
    {"u8", 1, measure<std::uint8_t>}, {"i32", 4, measure<std::int32_t>}, {"i64", 8, measure<std::int64_t>},
    {"f32", 4, measure<float>},       {"f64", 8, measure<double>},
};

element const& element_named(std::string const& name) {
  std::string names;
  for (element const& e : elements) {
    if (name == e.name) return e;
    names += (names.empty() ? "" : ", ") + std::string(e.name);
  }
  throw std::runtime_error("there is no type \"" + name + "\"; there are " + names);
}

std::vector<meaning> calls_named(std::string const& text) {
  std::vector<meaning> all;
  std::istringstream names(text);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "all")
      all.assign(std::begin(meanings), std::end(meanings));
    else
      all.push_back(meanings[static_cast<std::size_t>(bench::call_named(name))]);
  }
  return all;
}

/// "4:64M" from one to the other by the factor, "4,1K,1M" those.
std::vector<std::uint64_t> sizes_of(std::string const& text, std::uint64_t factor) {
  std::vector<std::uint64_t> all;
  if (auto const colon = text.find(':'); colon != text.npos) {
    std::uint64_t const last = parse_bytes(text.substr(colon + 1));
    std::uint64_t n = parse_bytes(text.substr(0, colon));
    if (n == 0 || n > last) throw std::runtime_error("sizes \"" + text + "\" do not rise from more than 0");
    for (; n <= last; n *= factor) all.push_back(n);
    return all;
  }
  std::istringstream sizes(text);
  for (std::string one; std::getline(sizes, one, ',');) all.push_back(parse_bytes(one));
  return all;
}

struct line {
  meaning call;
  std::uint64_t size, count;
  result r;
  double algbw, busbw;  // 1e9 bytes per second
};

void print(std::FILE* to, line const& l, char const* type) {
  std::fprintf(to, "%12llu %11llu %5s %11.1f %11.1f %11.1f %8.3f %8.3f %7llu\n",
               static_cast<unsigned long long>(l.size), static_cast<unsigned long long>(l.count), type, l.r.p50,
               l.r.p99, l.r.loop, l.algbw, l.busbw, static_cast<unsigned long long>(l.r.wrong));
  std::fflush(to);
}
void print_json(std::FILE* to, line const& l, int ranks, request const& asked, bool first) {
  std::fprintf(to,
               "%s\n  {\"call\": \"%s\", \"ranks\": %d, \"size\": %llu, \"count\": %llu, \"type\": \"%s\", "
               "\"algorithm\": \"%s\", \"p50_us\": %.3f, \"p99_us\": %.3f, \"loop_us\": %.3f, \"samples\": %llu, "
               "\"algbw\": %.6f, \"busbw\": %.6f, \"wrong\": %llu}",
               first ? "" : ",", std::string(bench::call_names[static_cast<std::size_t>(l.call.what)]).c_str(), ranks,
               static_cast<unsigned long long>(l.size), static_cast<unsigned long long>(l.count), asked.type.c_str(),
               asked.algorithm.c_str(), l.r.p50, l.r.p99, l.r.loop, static_cast<unsigned long long>(l.r.samples),
               l.algbw, l.busbw, static_cast<unsigned long long>(l.r.wrong));
}

/// What every rank does. Rank 0 prints; the result is the exit code.
int run_cells(tutti::communicator& world, request const& asked, tutti::options const& how) {
  element const& type = element_named(asked.type);
  bool const prints = world.rank() == 0, table = prints && asked.json != "-";
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(nullptr, [](std::FILE* f) { return std::fclose(f); });
  if (prints && !asked.json.empty() && asked.json != "-") {
    file.reset(std::fopen(asked.json.c_str(), "w"));
    if (!file) throw std::runtime_error("cannot write " + asked.json);
  }
  std::FILE* const json = !prints || asked.json.empty() ? nullptr : file ? file.get() : stdout;
  if (json != nullptr) std::fputs("[", json);
  bool first = true, wrong = false;
  for (meaning const& call : calls_named(asked.calls)) {
    if (table)
      std::printf(
          "# %s, %d ranks; size is %s. time, p99: us of a call after a barrier; loop: of many in a row; bw: GB/s\n"
          "#%11s %11s %5s %11s %11s %11s %8s %8s %7s\n",
          std::string(bench::call_names[static_cast<std::size_t>(call.what)]).c_str(), world.size(), call.size, "size",
          "count", "type", "time", "p99", "loop", "algbw", "busbw", "#wrong");
    bool const nothing = call.what == bench::call::barrier;
    auto const sizes = nothing ? std::vector<std::uint64_t>{0} : sizes_of(asked.sizes, asked.factor);
    for (std::uint64_t size : sizes) {
      std::uint64_t const blocks = call.blocks ? static_cast<std::uint64_t>(world.size()) : 1;
      std::uint64_t const count = nothing ? 0 : (std::max)(std::uint64_t{1}, size / type.size / blocks);
      line l{call, count * type.size * blocks, count, {}, 0, 0};
      l.r = type.measured(world, call.what, static_cast<std::size_t>(count), how, asked.seconds);
      l.algbw = static_cast<double>(l.size) / l.r.p50 / 1e3;
      l.busbw = l.algbw * bus_factor(call.what, world.size());
      wrong = wrong || l.r.wrong > 0;
      if (table) print(stdout, l, type.name);
      if (json != nullptr) print_json(json, l, world.size(), asked, first);
      first = false;
    }
  }
  if (json != nullptr) std::fputs("\n]\n", json);
  return wrong ? 1 : 0;
}

int start(request const& asked) {
  tutti::options how{};
  how.algorithm = tutti::plan::parse_name<tutti::algorithm>(asked.algorithm, 0, "algorithm");
  how.order = asked.any_order ? tutti::order::any : tutti::order::canonical;
  (void)element_named(asked.type);  // wrong words are one sentence, not one of each rank
  (void)calls_named(asked.calls);
  (void)sizes_of(asked.sizes, asked.factor);
  std::vector<std::string> words{"tutti"};
  if (asked.np > 0) words.insert(words.end(), {"--np", std::to_string(asked.np)});
  std::vector<char*> argv;
  for (auto& w : words) argv.push_back(w.data());
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  char** arguments = argv.data();
  return tutti::run(argc, arguments, [&](tutti::communicator& world) { return run_cells(world, asked, how); });
}

}  // namespace

void add_bench(CLI::App& app, int& code) {
  auto const asked = std::make_shared<request>();
  CLI::App* const bench = app.add_subcommand("bench", "how long a call takes in this world, results checked");
  bench->add_option("calls", asked->calls, "allreduce, or several: allreduce,broadcast; or all");
  bench->add_option("--np", asked->np, "start so many ranks on this host; else the launcher's world")
      ->check(CLI::Range(1, 4096));
  bench->add_option("--sizes", asked->sizes, "bytes of the longest buffer of a rank: 4:64M, or 4,1K,1M");
  bench->add_option("--factor", asked->factor, "from one size of a range to the next")->check(CLI::Range(2, 1 << 20));
  bench->add_option("--type", asked->type, "of elements: u8, i32, i64, f32, f64");
  bench->add_option("--algorithm", asked->algorithm, "force one, where it exists, instead of the cheapest");
  bench->add_flag("--any-order", asked->any_order, "allow what leaves the canonical order, as order::any does");
  bench->add_option("--seconds", asked->seconds, "for each size")->check(CLI::Range(0.001, 3600.0));
  bench->add_option("--json", asked->json, "also write a file; -: to standard output, instead of the table");
  bench->callback([asked, &code] { code = start(*asked); });
}

}  // namespace tools
