// SPDX-License-Identifier: BSL-1.0
// Data parallel training whose gradients travel while the backward pass still computes: tensors are put into buckets,
// last ones first, and a bucket leaves as soon as the last of its tensors is ready.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/future.hpp>
#include <tutti/collective/start.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/slots.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/train/slot_sums.hpp>

namespace tutti::inline TUTTI_ABI {

struct overlap_settings {
  int slots = 8;                                    ///< K, as for data_parallel
  std::size_t bucket_bytes = std::size_t{1} << 20;  ///< a bucket is closed once it is as large
  std::span<double const> shares{};                 ///< one per rank, as for data_parallel; empty: equal ones
  options how{};                                    ///< of every allreduce
};

namespace detail {

/// Some tensors of one type, last of the model first, that travel together. The first bucket carries the weight too.
template <class S>
struct bucket {
  bool wide = false;  ///< of doubles
  std::size_t numbers = 0;
  std::size_t tensors = 0;
  std::size_t missing = 0;  ///< tensors not ready in this pass
  std::uint32_t next = 0;   ///< the slot that is added next
  slot_sums<float, S> float_sums;
  slot_sums<double, S> double_sums;
  flat<float> floats;
  flat<double> doubles;

  template <class F>
  auto with(F f) {
    return wide ? f(double_sums, doubles) : f(float_sums, floats);
  }
  template <class T>
  void fill_up_to(slot_sums<T, S>& sums, std::uint32_t slot, std::uint32_t slots) {
    for (; next < slot; ++next) sums.put_zeros(next, slots, numbers);
  }
  /// The row of `slot`, empty slots before it filled with zeros; the same one until joined.
  template <class T>
  [[nodiscard]] T* row(slot_sums<T, S>& sums, std::uint32_t slot, std::uint32_t slots) {
    fill_up_to(sums, slot, slots);
    return sums.next(slot, numbers).data();
  }
};

/// What the started allreduces of a step look at, kept alive by them.
template <class S>
struct bucket_step {
  std::vector<std::uint32_t> cuts;
  std::vector<bucket<S>> buckets;
};

/// The allreduce of one bucket, as what start() makes an operation of.
template <transport::streams S>
class bucket_call {
 public:
  bucket_call(basic_communicator<S>& comm, std::shared_ptr<bucket_step<S>> step, std::size_t which, options how)
      : comm_(&comm), step_(std::move(step)), which_(which), how_(how) {}
  void operator()() {
    bucket<S>& b = step_->buckets[which_];
    b.with([&](auto& sums, auto& total) {
      total.resize(b.numbers);
      detail::add_up(*comm_, sums.inputs(), total, step_->cuts, how_);
    });
  }
  [[nodiscard]] basic_communicator<S>& communicator() const noexcept { return *comm_; }

 private:
  basic_communicator<S>* comm_;
  std::shared_ptr<bucket_step<S>> step_;
  std::size_t which_;
  options how_;
};

}  // namespace detail

/// As data_parallel, and to the same bits, for a backward pass that says which of its tensors are done:
///
///     dp.begin(slot, gradient, weight);   // before the pass over the slot's samples
///     … dp.ready("layers.3"); …           // these numbers of `gradient` will not change any more
///     dp.end();                           // all the rest is ready
///     dp.sync(gradient);                  // after this rank's slots
///
/// In the pass over this rank's last slot, ready() starts the allreduce of every bucket that is complete, in the
/// background, and sync() waits for what is still under way. Between the first begin() and sync() the ranks make no
/// other calls on the communicator, which comes to each of them at another time. Needs a transport with asynchronous
/// calls. Not thread safe.
template <transport::streams S>
class overlapped_data_parallel {
 public:
  static constexpr bool replicates_gradients = true;

  /// `like`: the model, or a gradient of its shape.
  template <class M>
  overlapped_data_parallel(basic_communicator<S>& comm, M const& like, overlap_settings settings = {})
      : comm_(&comm), settings_(settings), step_(std::make_shared<detail::bucket_step<S>>()) {
    if (settings.slots < 1)
      throw error(error_kind::config, "data_parallel: slots must be at least 1, not " + std::to_string(settings.slots));
    if (!settings.shares.empty() && settings.shares.size() != static_cast<std::size_t>(comm.size()))
      throw error(error_kind::config, "data_parallel: " + std::to_string(settings.shares.size()) + " shares for " +
                                          std::to_string(comm.size()) + " ranks: give one per rank");
    step_->cuts =
        settings.shares.empty() ? slot_cuts(settings.slots, comm.size()) : slot_cuts(settings.slots, settings.shares);
    for_each_tensor(like, [&]<class T>(tensor<T const> const& t) {
      static_assert(!detail::real<T> || std::is_same_v<T, float> || std::is_same_v<T, double>,
                    "tutti: data_parallel trains float and double tensors.");
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>)
        tensors_.push_back({std::string(t.name), t.data.size(), 0, 0, std::is_same_v<T, double>, nullptr, false});
    });
    fill_buckets();
    next_ = first();
    begin_step();
  }

  /// Opens slot `slot` of the step: `gradient` will hold the sum of the gradients of its samples, `weight` is their
  /// number. Slots of this rank only, in increasing order; those left out count as empty. `gradient` must stay where it
  /// is until end().
  template <class M>
  void begin(int slot, M const& gradient, double weight) {
    auto const s = static_cast<std::uint32_t>(slot);
    if (passing_)
      throw error(error_kind::config, "overlapped_data_parallel: begin() before the end() of the pass before");
    bool const more = open_ && s == slot_;
    if (!more && (slot < 0 || s < next_ || s >= last())) detail::refuse_slot(slot, comm_->rank(), first(), last());
    double parts[2];
    detail::put_weight(parts, weight);  // refuses what is none, before anything has changed
    find(gradient);
    if (!more) {
      close();
      slot_ = s;
      weight_ = 0;
    }
    adding_ = more;
    pass_is_quiet_ = quiet_ > 0;
    direct_ = !adding_ && !pass_is_quiet_;
    if (direct_)
      for (auto& b : step_->buckets)
        b.with([&](auto& sums, auto&) {
          b.fill_up_to(sums, s, slots());
          sums.open(s, slots(), b.numbers);
        });
    double const total = weight_ + weight;
    detail::bucket<S>& carrier = step_->buckets.front();
    carrier.with([&]<class T>(detail::slot_sums<T, S>& sums, auto&) {
      T in_two[2];
      detail::put_weight(in_two, total);
      if (direct_)
        sums.put(carrier.numbers - 2, in_two);
      else
        std::copy(in_two, in_two + 2, carrier.row(sums, s, slots()) + carrier.numbers - 2);
    });
    weight_ = total;
    open_ = passing_ = true;
    agree();
  }
  /// The tensor of that name, or all tensors below it ("layers.3"), have their final numbers in this pass. Throws
  /// config if there is none that was not ready before.
  void ready(std::string_view name) {
    if (!passing_) throw error(error_kind::config, "overlapped_data_parallel: ready() without begin()");
    bool found = false;
    for (auto& t : tensors_) {
      bool const below =
          t.name.size() > name.size() && t.name[name.size()] == '.' && t.name.compare(0, name.size(), name) == 0;
      if (t.ready || (t.name != name && !below)) continue;
      found = true;
      take(t);
    }
    if (!found)
      throw error(error_kind::config, "overlapped_data_parallel: the model has no tensor '" + std::string(name) +
                                          "' that was not ready before");
    start_complete();
  }
  /// Ends the pass over a slot: all its tensors are ready.
  void end() {
    if (!passing_) throw error(error_kind::config, "overlapped_data_parallel: end() without begin()");
    for (std::size_t i = tensors_.size(); i-- > 0;)
      if (!tensors_[i].ready) take(tensors_[i]);
    start_complete();
    passing_ = false;
    if (!pass_is_quiet_) close();
  }
  /// begin() and end().
  template <class M>
  void add(int slot, M const& gradient, double weight) {
    begin(slot, gradient, weight);
    end();
  }

  /// Gradient accumulation: a pass begun while the guard lives leaves its slot open and starts nothing; the next pass
  /// over the same slot, a further micro-batch of it, is added to it.
  [[nodiscard]] auto no_sync() { return quiet(quiet_); }

  /// As data_parallel::sync(gradient).
  template <class M>
  double sync(M& gradient) {
    if (passing_) end();
    close();
    find(gradient);
    agree();
    auto& buckets = step_->buckets;
    for (auto& b : buckets) finish_rows(b);
    while (started_ < buckets.size()) start();
    double weight = 0;
    for (std::size_t i = 0; i < buckets.size(); ++i) {
      if (calls_[i].valid()) calls_[i].get();
      buckets[i].with([&]<class T>(auto&, detail::flat<T>& total) {
        if (i == 0) weight = detail::weight_in(&total[buckets[0].numbers - 2]);
        if (weight > 0) divide(i, total, static_cast<T>(weight));
      });
    }
    begin_step();
    detail::check_weight(weight);
    return weight;
  }

  [[nodiscard]] std::size_t buckets() const noexcept { return step_->buckets.size(); }
  /// How many of them have left for the other ranks in this step.
  [[nodiscard]] std::size_t buckets_started() const noexcept { return started_; }

 private:
  struct tensor_place {
    std::string name;
    std::size_t size;
    std::size_t bucket;
    std::size_t offset;
    bool wide;
    void const* numbers;
    bool ready;
  };
  class [[nodiscard]] quiet {
   public:
    explicit quiet(int& depth) : depth_(depth) { ++depth_; }
    quiet(quiet const&) = delete;
    quiet& operator=(quiet const&) = delete;
    ~quiet() { --depth_; }

   private:
    int& depth_;
  };

  [[nodiscard]] std::uint32_t first() const { return step_->cuts[static_cast<std::size_t>(comm_->rank())]; }
  [[nodiscard]] std::uint32_t last() const { return step_->cuts[static_cast<std::size_t>(comm_->rank()) + 1]; }
  [[nodiscard]] std::uint32_t slots() const { return static_cast<std::uint32_t>(settings_.slots); }

  void fill_buckets() {
    auto& all = step_->buckets;
    std::size_t current[2] = {0, 0};  // of floats, of doubles; 0: none is open, n: all[n - 1]
    for (std::size_t i = tensors_.size(); i-- > 0;) {
      auto& t = tensors_[i];
      std::size_t& open = current[t.wide ? 1 : 0];
      if (open == 0) {
        all.emplace_back().wide = t.wide;
        open = all.size();
      }
      auto& b = all[open - 1];
      t.bucket = open - 1;
      t.offset = b.numbers;
      b.numbers += t.size;
      ++b.tensors;
      if (b.numbers * (t.wide ? sizeof(double) : sizeof(float)) >= settings_.bucket_bytes) open = 0;
    }
    if (all.empty()) all.emplace_back();
    all.front().numbers += 2;  // the weight
    calls_.resize(all.size());
  }
  void begin_step() {
    for (auto& b : step_->buckets) {
      b.next = first();
      b.float_sums.clear();
      b.double_sums.clear();
    }
    next_ = first();
    started_ = 0;
  }
  /// The numbers of each tensor of `gradient`, which must be as those of the model were.
  template <class M>
  void find(M& gradient) {
    std::size_t at = 0;
    bool same = true;
    for_each_tensor(gradient, [&](auto const& t) {
      using element = typename decltype(t.data)::element_type;
      using T = std::conditional_t<std::is_const_v<M>, std::remove_const_t<element>, element>;
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
        same = same && at < tensors_.size() && tensors_[at].size == t.data.size() &&
               tensors_[at].wide == std::is_same_v<T, double>;
        if (same) tensors_[at].numbers = t.data.data();
        ++at;
      }
    });
    if (!same || at != tensors_.size())
      throw error(error_kind::config,
                  "overlapped_data_parallel: this gradient does not have the tensors of the model it was made for");
    for (auto& t : tensors_) t.ready = false;
    for (auto& b : step_->buckets) b.missing = b.tensors;
  }
  void agree() {
    if (!slots_agree_) detail::agree_on_slots("data_parallel", *comm_, settings_.slots, step_->cuts, settings_.how);
    slots_agree_ = true;
  }
  /// Copies a ready tensor into its bucket, or adds it to what an earlier pass has left there.
  void take(tensor_place& t) {
    auto& b = step_->buckets[t.bucket];
    b.with([&]<class T>(detail::slot_sums<T, S>& sums, detail::flat<T>&) {
      T const* const from = static_cast<T const*>(t.numbers);
      if (direct_) return sums.put(t.offset, std::span<T const>(from, t.size));
      T* const to = b.row(sums, slot_, slots()) + t.offset;
      if (adding_)
        for (std::size_t i = 0; i < t.size; ++i) to[i] += from[i];
      else
        std::copy(from, from + t.size, to);
    });
    t.ready = true;
    --b.missing;
  }
  void join(detail::bucket<S>& b) {
    if (b.next != slot_) return;  // it has been already
    b.with([&](auto& sums, auto&) {
      if (direct_) return sums.close();
      (void)b.row(sums, slot_, slots());
      sums.join(slots());
    });
    ++b.next;
  }
  /// The slot gets no more passes.
  void close() {
    if (!std::exchange(open_, false)) return;
    for (auto& b : step_->buckets) join(b);
    next_ = slot_ + 1;
  }
  /// In the last pass over the last slot: every bucket in order that waits for no tensor.
  void start_complete() {
    if (pass_is_quiet_ || slot_ + 1 != last()) return;
    while (started_ < step_->buckets.size() && step_->buckets[started_].missing == 0) {
      join(step_->buckets[started_]);
      start();
    }
  }
  /// Writes the mean of every tensor in bucket `which` to where find() has seen it.
  template <class T>
  void divide(std::size_t which, detail::flat<T> const& total, T by) {
    for (auto const& t : tensors_) {
      if (t.bucket != which) continue;
      T* const to = static_cast<T*>(const_cast<void*>(t.numbers));
      for (std::size_t i = 0; i < t.size; ++i) to[i] = total[t.offset + i] / by;
    }
  }
  void finish_rows(detail::bucket<S>& b) {  // slots left out at the end
    b.with([&](auto& sums, auto&) { b.fill_up_to(sums, last(), slots()); });
  }
  void start() {
    detail::bucket_call<S> call(*comm_, step_, started_, settings_.how);
    if (comm_->size() == 1)
      call();
    else
      calls_[started_] = detail::start(std::move(call), as_future);
    ++started_;
  }

  basic_communicator<S>* comm_;
  overlap_settings settings_;
  std::shared_ptr<detail::bucket_step<S>> step_;
  std::vector<tensor_place> tensors_;
  std::vector<future<void>> calls_;  ///< of the buckets, where they are under way
  bool slots_agree_ = false;
  std::uint32_t next_ = 0;  ///< the slot this rank may open next
  std::uint32_t slot_ = 0;  ///< the open one
  bool open_ = false;       ///< a slot may get further passes
  bool passing_ = false;    ///< between begin() and end()
  bool adding_ = false;     ///< this pass is not the first over its slot
  bool direct_ = false;     ///< it is the only one, so that its numbers need no row of their own
  bool pass_is_quiet_ = false;
  int quiet_ = 0;  ///< no_sync() guards alive
  double weight_ = 0;
  std::size_t started_ = 0;
};
template <transport::streams S, class M>
overlapped_data_parallel(basic_communicator<S>&, M const&, overlap_settings = {}) -> overlapped_data_parallel<S>;

}  // namespace tutti::inline TUTTI_ABI
