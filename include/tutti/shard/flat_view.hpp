// SPDX-License-Identifier: BSL-1.0
// Which rank owns which number of a model: the parameters as one flat row, and how each tensor is cut among the ranks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/signature.hpp>

namespace tutti::inline TUTTI_ABI {

/// One tensor of a flat_view, seen as outer x extent x inner numbers, of which rank r owns those whose middle index is
/// in [cuts[r], cuts[r + 1]).
struct cut_tensor {
  tensor_signature what;
  std::size_t first = 0;  ///< the flat index of its first number
  std::size_t size = 0;
  std::size_t extent = 0;
  std::size_t inner = 1;
  std::vector<std::size_t> cuts{};  ///< empty: every rank has all of it

  [[nodiscard]] std::size_t element_size() const noexcept { return what.element & 0xffffffU; }
  [[nodiscard]] bool everywhere() const noexcept { return cuts.empty(); }

  /// Calls f(begin, end) for every run of numbers that rank r owns, in order; for the whole of a tensor that is
  /// everywhere.
  template <class F>
  void for_each_run(int r, F&& f) const {
    if (count(r) == 0) return;
    if (everywhere()) return static_cast<void>(f(std::size_t{0}, size));
    auto const q = static_cast<std::size_t>(r);
    for (std::size_t at = 0; at < size; at += extent * inner) f(at + cuts[q] * inner, at + cuts[q + 1] * inner);
  }
  /// How many numbers rank r owns.
  [[nodiscard]] std::size_t count(int r) const noexcept {
    if (everywhere() || size == 0) return size;
    auto const q = static_cast<std::size_t>(r);
    return (cuts[q + 1] - cuts[q]) * (size / extent);
  }
};

/// A model cut among ranks, without its numbers: what partition_model() returns. Flat index 0 is the first number of
/// the first tensor, in the order of the walk. A model may be added layer by layer, so that it need never be whole.
class flat_view {
 public:
  static constexpr int everyone = -1;

  explicit flat_view(int ranks, std::string_view scheme = "") : ranks_(ranks), scheme_(scheme) {
    if (ranks < 1)
      throw error(error_kind::config, "a model is cut among at least 1 rank, not " + std::to_string(ranks));
  }

  /// Adds the tensors of one more layer, each cut by `scheme.cut(tensors, ranks)`. Buffers are everywhere.
  template <class Scheme>
  void append(signature const& layer, Scheme& scheme) {
    std::vector<cut_tensor> added;
    for (auto const& t : layer.tensors) {
      std::size_t numbers = 1;
      for (std::size_t const extent : t.shape) numbers *= extent;
      added.push_back({t, size_, numbers, numbers, 1, {}});
      size_ += numbers;
    }
    scheme.cut(added, ranks_);
    for (auto& t : added) {
      if (t.what.kind != role::parameter) t.cuts.clear();
      tensors_.push_back(std::move(t));
    }
    layers_.push_back(tensors_.size());
  }

  [[nodiscard]] int ranks() const noexcept { return ranks_; }
  /// The number of numbers, of all types.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::vector<cut_tensor> const& tensors() const noexcept { return tensors_; }
  /// A model that was given whole is one layer.
  [[nodiscard]] int layers() const noexcept { return static_cast<int>(layers_.size()) - 1; }
  /// Tensors [first_of(l), first_of(l + 1)) are those of layer l.
  [[nodiscard]] std::size_t first_of(int layer) const { return layers_.at(static_cast<std::size_t>(layer)); }

  /// The tensor of that name, the first one if layers share names. Throws `config` if there is none.
  [[nodiscard]] cut_tensor const& tensor(std::string_view name) const {
    for (auto const& t : tensors_)
      if (t.what.name == name) return t;
    throw error(error_kind::config, "the model has no tensor '" + std::string(name) + "'");
  }
  /// The tensor of which flat index i is number i - first. Throws `config` past the end.
  [[nodiscard]] cut_tensor const& at(std::size_t i) const {
    if (i >= size_)
      throw error(error_kind::config,
                  "there is no flat index " + std::to_string(i) + " in " + std::to_string(size_) + " numbers");
    // Of several that begin here, the last: the others are empty.
    return *(std::upper_bound(tensors_.begin(), tensors_.end(), i,
                              [](std::size_t x, cut_tensor const& t) { return x < t.first; }) -
             1);
  }
  /// The rank that owns flat index i, or `everyone`.
  [[nodiscard]] int owner(std::size_t i) const {
    cut_tensor const& t = at(i);
    if (t.everywhere()) return everyone;
    std::size_t const along = (i - t.first) / t.inner % t.extent;
    return static_cast<int>(std::upper_bound(t.cuts.begin(), t.cuts.end(), along) - t.cuts.begin()) - 1;
  }
  /// Calls f(tensor, begin, end) for every run of a tensor's numbers that rank r has, those of everyone included.
  template <class F>
  void for_each_run(int r, F&& f) const {
    for (auto const& t : tensors_) t.for_each_run(r, [&](std::size_t begin, std::size_t end) { f(t, begin, end); });
  }
  /// How many numbers, and how many bytes, rank r has, those of everyone included.
  [[nodiscard]] std::size_t count(int r) const noexcept {
    std::size_t n = 0;
    for (auto const& t : tensors_) n += t.count(r);
    return n;
  }
  [[nodiscard]] std::size_t bytes(int r) const noexcept {
    std::size_t n = 0;
    for (auto const& t : tensors_) n += t.count(r) * t.element_size();
    return n;
  }

  /// One line on the whole, and one on each rank: its bytes, and of which tensors, the first four by name.
  [[nodiscard]] std::string explain() const {
    std::size_t whole = 0;
    for (auto const& t : tensors_) whole += t.size * t.element_size();
    std::string text = std::to_string(size_) + " numbers in " + std::to_string(tensors_.size()) + " tensors, " +
                       std::to_string(whole) + " bytes, over " + std::to_string(ranks_) + " ranks";
    text += (scheme_.empty() ? "" : " " + scheme_) + "\n";
    for (int r = 0; r < ranks_; ++r)
      text += "rank " + std::to_string(r) + ": " + std::to_string(bytes(r)) + " bytes" + pieces(r, false) + "\n";
    std::string const shared = pieces(0, true);
    return shared.empty() ? text : text + "every rank:" + shared + "\n";
  }

 private:
  [[nodiscard]] std::string pieces(int r, bool everywhere) const {
    constexpr std::size_t most = 4;
    std::string text;
    std::size_t n = 0;
    for (auto const& t : tensors_) {
      if (t.everywhere() != everywhere || t.count(r) == 0 || n++ >= most) continue;
      text += "  " + t.what.name;
      if (t.count(r) == t.size) continue;
      auto const q = static_cast<std::size_t>(r);
      text += (t.extent * t.inner < t.size ? "[.., " : "[") + std::to_string(t.cuts[q]) + ":" +
              std::to_string(t.cuts[q + 1]) + "]";
    }
    return n > most ? text + "  and " + std::to_string(n - most) + " more" : text;
  }

  int ranks_;
  std::string scheme_;
  std::size_t size_ = 0;
  std::vector<cut_tensor> tensors_;
  std::vector<std::size_t> layers_{0};
};

}  // namespace tutti::inline TUTTI_ABI
