// SPDX-License-Identifier: BSL-1.0
// One communicator's engine: numbers its calls, chooses and keeps their plans, binds them to memory and runs them.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/options.hpp>
#include <tutti/engine/background.hpp>
#include <tutti/engine/exclusive.hpp>
#include <tutti/engine/frame.hpp>
#include <tutti/engine/program.hpp>
#include <tutti/engine/referee.hpp>
#include <tutti/engine/run.hpp>
#include <tutti/engine/watch.hpp>
#include <tutti/plan/chooser.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// One collective as its header file states it: meaning and memory, no algorithm.
struct operation {
  plan::collective what = plan::collective::barrier;
  int root = -1;
  std::uint32_t element = 0;  ///< element_code
  std::size_t element_size = 1;
  std::uint8_t op = 0;
  std::uint64_t count = 0;                  ///< elements in all, cut evenly; or of each rank's part, see `per_rank`
  bool per_rank = false;                    ///< every rank's part has `count` elements
  std::span<std::uint64_t const> counts{};  ///< elements of each rank's part, where the call gives them
  std::span<std::uint64_t const> input_counts{};  ///< the same for the input's parts, where they differ: alltoall
  std::span<std::uint32_t const> cuts{};          ///< slots of each rank, as in plan::request
  std::span<const_bytes const> inputs{};
  bytes output{};
  int held = -1;  ///< input or output holds this part alone (see input_is_part, output_is_part)
  bool input_is_part = false;
  bool output_is_part = false;
  reducer fold{};
  bool compare_counts = true;  ///< false: ranks may differ in `count`
  bool counts_agreed = true;   ///< false: a rank knows only its own of `counts`
};

/// How one process sees its place among the others: handed to every communicator it makes.
struct surroundings {
  bool crowded = true;  ///< more ranks on this host than cores
  std::chrono::nanoseconds call_timeout = std::chrono::seconds(60);
  machine costs{};                ///< from which algorithms are chosen; the same on every rank
  plan::preferences preferred{};  ///< likewise
};

template <transport::streams T>
class engine {
  using program = later<tutti::TUTTI_ABI::engine::program, T>;
  using referee = later<tutti::TUTTI_ABI::engine::referee, T>;
  using request = later<plan::request, T>;
  using trace = later<tutti::TUTTI_ABI::trace, T>;
  using watch = later<tutti::TUTTI_ABI::engine::watch, T>;
  using offsets = later<std::vector<std::uint64_t>, T>;

 public:
  engine(T streams, std::shared_ptr<watch> seen, std::shared_ptr<referee> judge, surroundings around)
      : streams_(std::move(streams)),
        watch_(std::move(seen)),
        referee_(std::move(judge)),
        around_(around),
        choose_(streams_.size(), around.costs, around.preferred),
        runner_(streams_, *watch_, *referee_, around.crowded) {
    watch_->on_ring([this] { streams_.wake(); });
    referee_->enroll(watch_);
  }
  engine(engine const&) = delete;
  engine& operator=(engine const&) = delete;
  ~engine() {
    if (background_) background_->close();
    watch_->on_ring(nullptr);
    streams_.close();
  }

  [[nodiscard]] int rank() const noexcept { return streams_.rank(); }
  [[nodiscard]] int size() const noexcept { return streams_.size(); }
  [[nodiscard]] std::shared_ptr<watch> const& seen() const noexcept { return watch_; }
  [[nodiscard]] std::shared_ptr<referee> const& judge() const noexcept { return referee_; }
  [[nodiscard]] surroundings const& around() const noexcept { return around_; }
  [[nodiscard]] counters const& moved() const noexcept { return runner_.moved(); }
  [[nodiscard]] std::uint64_t calls() const noexcept { return sequence_; }
  [[nodiscard]] std::chrono::nanoseconds time_in_calls() const noexcept { return in_calls_; }
  [[nodiscard]] clock::time_point now() const { return transport::now(streams_); }
  /// Lets that much time of computing pass: on a clock of the transport's own, or else asleep.
  void compute(std::chrono::nanoseconds duration) {
    if constexpr (transport::timed<T>)
      streams_.compute(duration);
    else
      std::this_thread::sleep_for(duration);
  }

  [[nodiscard]] T& streams() noexcept { return streams_; }

  /// Operations started on this communicator, or null: none ever was.
  [[nodiscard]] std::shared_ptr<background<T>> const& behind() const noexcept { return background_; }
  /// Once, before the first operation starts.
  void run_behind(std::shared_ptr<background<T>> started) {
    background_ = std::move(started);
    runner_.let_wait(background_.get());
    watch_->on_ring([this] {
      streams_.wake();
      background_->ring();
    });
  }
  /// What calls do is noted in `events`, which must live until it is replaced, by null for instance. Between calls
  /// only.
  void trace_to(trace* events) noexcept {
    trace_ = events;
    runner_.trace_to(events);
  }
  /// A call that was taken back before it began keeps its number: ranks that still make it find out that they differ.
  void skip_call() noexcept { ++sequence_; }

  /// One call of the user: everything run inside counts as the same operation. Throws if the communicator is revoked,
  /// or if another thread is inside a call.
  template <class Body>
  void call_once(operation const& op, options const& how, Body&& body) {
    if (background_) background_->finish();  // what was started before comes before
    exclusive const guard(busy_);
    clock::time_point const begin = transport::now(streams_);
    header_ = {};
    header_.communicator = watch_->communicator();
    header_.sequence = ++sequence_;
    header_.what = op.what;
    header_.element = op.element;
    header_.root = op.root;
    header_.op = op.op;
    header_.count = op.compare_counts ? op.count : 0;
    how_ = &how;
    watch_->begin(header_, how.where, how.label, begin);
    if (watch_->revoked()) {
      failure why = watch_->why();
      why.operation = describe_operation(watch_->latest());
      watch_->end(begin);
      throw error(std::move(why));
    }
    if (trace_ != nullptr) trace_->add(begin, sequence_, rank(), trace_event::kind::begin);
    ended const at_end(*this, begin);
    try {
      std::forward<Body>(body)();
    } catch (std::exception const& problem) {
      // Half a call cannot be taken back: whatever stopped this rank stops the communicator, and the others learn why.
      if (!watch_->revoked())
        (void)referee_->judge(*watch_, {error_kind::resource,
                                        watch_->members()[static_cast<std::size_t>(rank())],
                                        {},
                                        std::string("the call failed on this rank: ") + problem.what()});
      throw;
    }
  }

  /// Runs one plan of the call under way. `stage` numbers the plans of one call from 0.
  void run(operation const& op, std::uint8_t stage) {
    lay_out(op);
    std::uint64_t const bytes_in_all = offsets_.back();
    auto const algorithm = op.counts_agreed ? choose_(op.what, static_cast<std::size_t>(bytes_in_all), how_->algorithm,
                                                      {how_->order, !op.cuts.empty(), op.fold.wide()})
                                            : plan::choose_blindly(op.what);
    program const& p = cached({op.what, algorithm, rank(), size(), op.root < 0 ? 0 : op.root, {}}, op.cuts);
    lay_out(op, p.what.parts);
    header_.algorithm = algorithm;
    header_.stage = stage;
    frame const header = encode(header_);
    binding b;
    b.offsets = offsets_;
    if (!op.input_counts.empty()) {
      fill(input_offsets_, op.input_counts, op.element_size);
      b.input_offsets = input_offsets_;
    }
    b.inputs = op.inputs;
    b.input_origin = op.input_is_part ? offsets_[static_cast<std::size_t>(op.held)] : 0;
    b.output = op.output;
    b.output_origin = op.output_is_part ? offsets_[static_cast<std::size_t>(op.held)] : 0;
    b.element_size = op.element_size;
    b.fold = op.fold;
    runner_.run(p, b, header, how_->timeout.count() > 0 ? how_->timeout : around_.call_timeout);
  }

  /// Memory that is kept from call to call, for what a call must copy. Valid until the next spare().
  [[nodiscard]] bytes spare(std::size_t n) { return {spare_.reserve(n), n}; }

  /// One call that is one plan.
  void run(operation const& op, options const& how) {
    call_once(op, how, [&] { run(op, std::uint8_t{0}); });
  }

 private:
  struct planned {
    request wanted;
    program ready;
  };
  struct ended {
    ended(engine& e, clock::time_point b) : of(e), begin(b) {}
    ended(ended const&) = delete;
    ended& operator=(ended const&) = delete;
    ~ended() {
      clock::time_point const now = of.now();
      of.watch_->end(now);
      of.in_calls_ += now - begin;
      if (of.trace_ != nullptr) of.trace_->add(now, of.sequence_, of.rank(), trace_event::kind::end);
    }
    engine& of;
    clock::time_point begin;
  };

  static void fill(offsets& to, std::span<std::uint64_t const> counts, std::size_t element) {
    to.assign(1, 0);
    for (std::uint64_t n : counts) to.push_back(to.back() + n * element);
  }
  /// Where each part begins, in bytes.
  void lay_out(operation const& op, plan::cut parts = plan::cut::even) {
    if (!op.counts.empty()) return fill(offsets_, op.counts, op.element_size);
    auto const p = static_cast<std::size_t>(size());
    offsets_.resize(p + 1);
    offsets_[0] = 0;
    if (op.per_rank) {
      for (std::size_t q = 0; q < p; ++q) offsets_[q + 1] = offsets_[q] + op.count * op.element_size;
      return;
    }
    bool const skip_root = parts == plan::cut::even_but_root;
    std::uint64_t const owners = skip_root ? p - 1 : p;
    std::uint64_t seen_owners = 0;
    for (std::size_t q = 0; q < p; ++q) {
      std::uint64_t elements = 0;
      if (!(skip_root && static_cast<int>(q) == op.root)) {
        elements = op.count / owners + (seen_owners < op.count % owners ? 1 : 0);
        ++seen_owners;
      }
      offsets_[q + 1] = offsets_[q] + elements * op.element_size;
    }
  }

  program const& cached(request wanted, std::span<std::uint32_t const> cuts) {
    for (auto const& entry : cache_) {
      request const& r = entry->wanted;
      if (r.what == wanted.what && r.algorithm == wanted.algorithm && r.root == wanted.root &&
          std::equal(r.cuts.begin(), r.cuts.end(), cuts.begin(), cuts.end()))
        return entry->ready;
    }
    if (cache_.size() == most_cached) cache_.erase(cache_.begin());
    wanted.cuts.assign(cuts.begin(), cuts.end());
    cache_.push_back(std::make_unique<planned>(planned{wanted, prepare(plan::make(wanted))}));
    return cache_.back()->ready;
  }

  static constexpr std::size_t most_cached = 64;

  T streams_;
  std::shared_ptr<watch> watch_;
  std::shared_ptr<referee> referee_;
  surroundings around_;
  plan::basic_chooser<T> choose_;
  runner<T> runner_;
  std::shared_ptr<background<T>> background_;
  trace* trace_ = nullptr;
  std::vector<std::unique_ptr<planned>> cache_;
  offsets offsets_;
  offsets input_offsets_;
  arena spare_;
  call header_;
  options const* how_ = nullptr;
  std::uint64_t sequence_ = 0;
  std::chrono::nanoseconds in_calls_{0};
  std::atomic<bool> busy_{false};
};

}  // namespace tutti::inline TUTTI_ABI::engine
