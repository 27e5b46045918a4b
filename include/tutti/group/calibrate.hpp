// SPDX-License-Identifier: BSL-1.0
// Measures, once, what messages and bytes cost in this world: takes what its communicators share, corrects the
// constants from which they choose algorithms. Rank 0 and one other measure, on another host if there is one; all are
// told.
//
// The constants were fitted on one machine; here they are scaled by how many times slower or faster than predicted a
// small exchange, a stream and a fold are, in whole powers of two: noise then hardly ever changes a choice from run to
// run.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/options.hpp>
#include <tutti/engine/engine.hpp>
#include <tutti/engine/fold.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/plan/machine.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// What two ranks found, in microseconds and nanoseconds per byte; as defaults, what the machine shows on which the
/// constants were fitted.
struct findings {
  double exchange = 5.6;  ///< of a number, both ways at once
  double stream = 0.155;  ///< one way: on one host at best, of a block that stays in the cache; between hosts lastingly
  double fold = 0.019;    ///< of a result byte
};

/// `m` as `found` has it: the two ranks were `apart` if on different hosts.
[[nodiscard]] inline machine corrected(machine m, findings const& found, bool apart) {
  findings const due;
  auto const power_of_two = [](double x) {  // the nearest, of a positive number
    constexpr double half_step = 1.4142135623730951;
    double power = 1;
    while (x > power * half_step) power *= 2;
    while (x * half_step < power) power /= 2;
    return power;
  };
  auto const times = [&](double measured, double expected) {
    return std::clamp(power_of_two(measured / expected), 0.25, 4.0);
  };
  m.fold *= times(found.fold, due.fold);
  if (apart) {
    m.distance = power_of_two((std::max)(found.exchange - due.exchange, 1.0));
    m.link = power_of_two((std::max)(found.stream, 0.001));
    return m;
  }
  double const slower = times(found.exchange, due.exchange), narrower = times(found.stream, due.stream);
  for (double* each : {&m.latency, &m.overhead, &m.wake}) *each *= slower;
  for (double* each : {&m.copy, &m.uncached}) *each *= narrower;
  return m;
}

/// Two ranks' measurement, about 10 ms, up to 20 ms over a link of 100 Mbit/s if they are `apart`: what rank 0 of
/// `pair` sees.
template <class S>
[[nodiscard]] findings measure(basic_communicator<S>& pair, bool apart) {
  using microseconds = std::chrono::duration<double, std::micro>;
  auto& engine = pair.engine();
  engine::operation small;
  std::array<double, 2> shared{};  // microseconds so far, and of the latest stream: alike on both, so that both go on
  small.what = plan::collective::allreduce;
  small.element = element_code<double>();
  small.element_size = sizeof(double);
  small.count = shared.size();
  small.output = std::as_writable_bytes(std::span(shared));
  small.fold = engine::make_reducer<double>(max);
  std::vector<later<std::byte, S>> block(std::size_t{1} << 20U);
  engine::operation stream;
  stream.what = plan::collective::broadcast;
  stream.root = 0;
  stream.element = element_code<std::byte>();

  auto const begin = clock::now();
  auto const since = [](clock::time_point t) { return microseconds(clock::now() - t).count(); };
  findings best{1e9, 1e9, 1e9};
  auto const exchange = [&](double latest) {
    shared = {since(begin), latest};
    auto const start = clock::now();
    engine.run(small, options{});
    best.exchange = (std::min)(best.exchange, since(start));
  };
  do exchange(0);
  while (shared[0] < 3000);
  // Networks let the first hundreds of kilobytes pass at once: between hosts the second half of the time
  // counts, its median, since either rank may lose its core for a while.
  double const from = shared[0], half_time = from + 3000, until = from + 6000;
  std::size_t const first = block.size() / (apart ? 64 : 16);
  double latest = 0;
  std::vector<later<double, S>> lasting;
  for (std::size_t bytes = first; shared[0] < until;) {
    stream.count = bytes;
    stream.output = std::span(block).first(bytes);
    auto const start = clock::now();
    engine.run(stream, options{});
    exchange(latest);  // the root learns that all has arrived
    latest = since(start);
    double const per_byte = (latest - best.exchange) * 1000 / static_cast<double>(bytes);
    best.stream = (std::min)(best.stream, per_byte);
    if (since(begin) >= half_time) lasting.push_back(per_byte);
    exchange(latest);
    bytes = shared[1] < 1000 ? (std::min)(2 * bytes, block.size()) : (std::max)(bytes / 2, first);
  }
  if (apart && !lasting.empty()) {
    auto const middle = lasting.begin() + static_cast<std::ptrdiff_t>(lasting.size() / 2);
    std::nth_element(lasting.begin(), middle, lasting.end());
    best.stream = *middle;
  }
  constexpr std::size_t numbers = 8192;
  std::vector<later<double, S>> left(numbers, 1), right(numbers, 2);
  auto const as_memory = [](auto& v) { return std::as_writable_bytes(std::span(v)).data(); };
  for (int i = 0; i < 10; ++i) {
    auto const start = clock::now();
    small.fold.apply(small.fold.op, as_memory(left), as_memory(left), as_memory(right), numbers);
    best.fold = (std::min)(best.fold, since(start) * 1000 / (numbers * sizeof(double)));
  }
  return best;
}

/// Collective. The same constants on every rank when it returns.
template <class S>
void calibrate(std::shared_ptr<origin<S>> const& from, int size, int rank) {
  constexpr std::uint64_t pair_id = 0x63616c6962726174U, all_id = pair_id + 1;
  auto const& hosts = from->hosts;
  auto const away = std::find_if(hosts.begin(), hosts.end(), [&](int h) { return h != hosts.front(); });
  bool const apart = away != hosts.end();
  int const other = apart ? static_cast<int>(away - hosts.begin()) : 1;
  findings found;
  if (rank == 0 || rank == other) {
    basic_communicator<S> pair(from, pair_id, {0, other}, rank == 0 ? 0 : 1);
    found = group::measure(pair, apart);
  }
  std::vector<int> everyone(static_cast<std::size_t>(size));
  for (int r = 0; r < size; ++r) everyone[static_cast<std::size_t>(r)] = r;
  basic_communicator<S> all(from, all_id, std::move(everyone), rank);
  std::array<double, 3> told{found.exchange, found.stream, found.fold};
  engine::operation op;
  op.what = plan::collective::broadcast;
  op.root = 0;
  op.element = element_code<double>();
  op.element_size = sizeof(double);
  op.count = told.size();
  op.output = std::as_writable_bytes(std::span(told));
  all.engine().run(op, options{});
  from->around.costs = group::corrected(from->around.costs, {told[0], told[1], told[2]}, apart);
}

}  // namespace tutti::inline TUTTI_ABI::group
