// SPDX-License-Identifier: BSL-1.0
// Data parallel training: every rank computes some samples, all ranks end with the exact weighted mean of the gradient.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/data/slots.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/train/slot_sums.hpp>

namespace tutti::inline TUTTI_ABI {

/// Sums gradients over all ranks and divides by the sum of their weights: never a mean of means.
///
/// Two ways. `sync(gradient, weight)`: one contribution per rank. Or `add(slot, gradient, weight)` for each of the
/// step's K slots this rank owns (`slot_cut`), then `sync(gradient)`: the sum is taken along one bracket over the
/// slots, so the result has the same bits on any number of ranks. Gradients are sums over samples, weights the numbers
/// of samples. Integer tensors are left alone. Not thread safe; calls are collective on the communicator, which must
/// outlive this.
template <transport::streams S>
class data_parallel {
 public:
  static constexpr bool replicates_gradients = true;

  /// `like`: the model, or a gradient of its shape. `slots`: K.
  template <class M>
  data_parallel(basic_communicator<S>& comm, M const& like, int slots = 8) : comm_(&comm), slots_(slots) {
    if (slots < 1)
      throw error(error_kind::config, "data_parallel: slots must be at least 1, not " + std::to_string(slots));
    auto const counted = count(like);
    floats_ = counted.first;
    doubles_ = counted.second;
    cuts_ = slot_cuts(slots, comm.size());
    next_ = first();
  }
  /// The same where rank r owns slots in proportion to shares[r]: those that a sampler hands out `on(comm, shares)`.
  template <class M>
  data_parallel(basic_communicator<S>& comm, M const& like, int slots, std::span<double const> shares)
      : data_parallel(comm, like, slots) {
    if (shares.size() != static_cast<std::size_t>(comm.size()))
      throw error(error_kind::config, "data_parallel: " + std::to_string(shares.size()) + " shares for " +
                                          std::to_string(comm.size()) + " ranks: give one per rank");
    cuts_ = slot_cuts(slots, shares);
    next_ = first();
  }

  /// Contributes slot `slot` of the step: the sum of the gradients of its samples, and their number (or weight). Slots
  /// of this rank only, in increasing order; those left out count as empty. Copies `gradient`. A refused call adds
  /// nothing.
  template <class M>
  void add(int slot, M const& gradient, double weight) {
    auto const s = static_cast<std::uint32_t>(slot);
    if (slot < 0 || s < next_ || s >= last()) detail::refuse_slot(slot, comm_->rank(), first(), last());
    check_size(gradient);
    float float_parts[2];
    double double_parts[2];
    detail::put_weight(float_parts, weight);
    detail::put_weight(double_parts, weight);
    fill_up_to(s);
    auto const all = static_cast<std::uint32_t>(slots_);
    float_sums_.open(s, all, row_floats());
    double_sums_.open(s, all, row_doubles());
    std::size_t f = 0;
    std::size_t d = 0;
    for_each_tensor(gradient, [&]<class T>(tensor<T const> const& t) {
      if constexpr (std::is_same_v<T, float>)
        float_sums_.put(std::exchange(f, f + t.data.size()), t.data);
      else if constexpr (std::is_same_v<T, double>)
        double_sums_.put(std::exchange(d, d + t.data.size()), t.data);
    });
    float_sums_.put(f, float_parts);
    double_sums_.put(d, double_parts);
    float_sums_.close();
    double_sums_.close();
    ++next_;
  }

  /// Writes the weighted mean of all slots of all ranks into `gradient` and begins the next step. Returns the sum of
  /// the weights. Throws config if that is zero, and at the first step if the ranks do not have the same number of
  /// slots.
  template <class M>
  double sync(M& gradient, options how = {}) {
    check_size(gradient);
    if (!slots_agree_) detail::agree_on_slots("data_parallel", *comm_, slots_, cuts_, how);
    slots_agree_ = true;
    fill_up_to(last());
    if (floats_ > 0 || doubles_ == 0) add_up(float_sums_, floats_total_, row_floats(), how);
    if (doubles_ > 0) add_up(double_sums_, doubles_total_, row_doubles(), how);
    float_sums_.clear();
    double_sums_.clear();
    next_ = first();
    return unpack(gradient);
  }

  /// The weighted mean of one contribution per rank: `gradient` is this rank's sum over `weight` samples. Returns the
  /// sum of the weights. A rank without samples gives zeros and weight 0.
  template <class M>
  double sync(M& gradient, double weight, options how = {}) {
    if (next_ != first())
      throw error(error_kind::config, "data_parallel: slots were added to this step; end it with sync(gradient)");
    floats_total_.resize(row_floats());
    doubles_total_.resize(row_doubles());
    pack(gradient, weight, floats_total_, doubles_total_);
    if (floats_ > 0 || doubles_ == 0) detail::add_up<float>(*comm_, {}, floats_total_, {}, how);
    if (doubles_ > 0) detail::add_up<double>(*comm_, {}, doubles_total_, {}, how);
    return unpack(gradient);
  }

  [[nodiscard]] int slots() const noexcept { return slots_; }

 private:
  [[nodiscard]] std::uint32_t first() const { return cuts_[static_cast<std::size_t>(comm_->rank())]; }
  [[nodiscard]] std::uint32_t last() const { return cuts_[static_cast<std::size_t>(comm_->rank()) + 1]; }
  [[nodiscard]] std::size_t row_floats() const noexcept { return floats_ + 2; }
  [[nodiscard]] std::size_t row_doubles() const noexcept { return doubles_ + 2; }

  void fill_up_to(std::uint32_t slot) {
    for (; next_ < slot; ++next_) {
      float_sums_.put_zeros(next_, static_cast<std::uint32_t>(slots_), row_floats());
      double_sums_.put_zeros(next_, static_cast<std::uint32_t>(slots_), row_doubles());
    }
  }

  template <class M>
  void pack(M const& gradient, double weight, detail::flat<float>& floats, detail::flat<double>& doubles) const {
    check_size(gradient);
    std::size_t f = 0;
    std::size_t d = 0;
    for_each_tensor(gradient, [&]<class T>(tensor<T const> const& t) {
      if constexpr (std::is_same_v<T, float>)
        f = copy_in(t.data, floats, f);
      else if constexpr (std::is_same_v<T, double>)
        d = copy_in(t.data, doubles, d);
    });
    detail::put_weight(&floats[f], weight);
    detail::put_weight(&doubles[d], weight);
  }
  template <class T>
  static std::size_t copy_in(std::span<T const> from, detail::flat<T>& to, std::size_t at) {
    std::copy(from.begin(), from.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
    return at + from.size();
  }
  template <class M>
  void check_size(M const& gradient) const {
    auto const [floats, doubles] = count(gradient);
    if (floats == floats_ && doubles == doubles_) return;
    auto const numbers = [](std::size_t f, std::size_t d) {
      return std::to_string(f) + " floats and " + std::to_string(d) + " doubles";
    };
    throw error(error_kind::config, "data_parallel: this gradient has " + numbers(floats, doubles) +
                                        ", the model it was made for " + numbers(floats_, doubles_));
  }
  /// The numbers of floats and of doubles in a model.
  template <class M>
  static std::pair<std::size_t, std::size_t> count(M const& model) {
    std::pair<std::size_t, std::size_t> numbers{0, 0};
    for_each_tensor(model, [&]<class T>(tensor<T const> const& t) {
      static_assert(!detail::real<T> || std::is_same_v<T, float> || std::is_same_v<T, double>,
                    "tutti: data_parallel trains float and double tensors.");
      if constexpr (std::is_same_v<T, float>)
        numbers.first += t.data.size();
      else if constexpr (std::is_same_v<T, double>)
        numbers.second += t.data.size();
    });
    return numbers;
  }

  template <class T>
  void add_up(detail::slot_sums<T, S>& sums, detail::flat<T>& total, std::size_t numbers, options const& how) {
    total.resize(numbers);
    detail::add_up(*comm_, sums.inputs(), total, cuts_, how);
  }

  template <class M>
  double unpack(M& gradient) const {
    double const weight =
        doubles_ > 0 ? detail::weight_in(&doubles_total_[doubles_]) : detail::weight_in(&floats_total_[floats_]);
    detail::check_weight(weight);
    std::size_t f = 0;
    std::size_t d = 0;
    for_each_tensor(gradient, [&]<class T>(tensor<T> const& t) {
      if constexpr (std::is_same_v<T, float>)
        f = divide(floats_total_, f, weight, t.data);
      else if constexpr (std::is_same_v<T, double>)
        d = divide(doubles_total_, d, weight, t.data);
    });
    return weight;
  }
  template <class T>
  static std::size_t divide(detail::flat<T> const& from, std::size_t at, double weight, std::span<T> to) {
    T const by = static_cast<T>(weight);
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[at + i] / by;
    return at + to.size();
  }

  basic_communicator<S>* comm_;
  int slots_;
  std::size_t floats_ = 0;
  std::size_t doubles_ = 0;
  std::vector<std::uint32_t> cuts_;
  bool slots_agree_ = false;  ///< all ranks have said that they have as many
  std::uint32_t next_ = 0;    ///< the slot this rank adds next
  detail::slot_sums<float, S> float_sums_;
  detail::slot_sums<double, S> double_sums_;
  detail::flat<float> floats_total_;
  detail::flat<double> doubles_total_;
};

template <transport::streams S, class M>
data_parallel(basic_communicator<S>&, M const&, int = 8) -> data_parallel<S>;
template <transport::streams S, class M>
data_parallel(basic_communicator<S>&, M const&, int, std::span<double const>) -> data_parallel<S>;

}  // namespace tutti::inline TUTTI_ABI
