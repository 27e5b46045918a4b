// SPDX-License-Identifier: BSL-1.0
// A source whose rows are read once, by whoever needs them first, and from a kv_store after that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/kv_store.hpp>
#include <tutti/data/source.hpp>
#include <tutti/model/decode.hpp>
#include <tutti/model/encode.hpp>

namespace tutti::inline TUTTI_ABI {

/// Rows travel in blocks of `block` neighbours, encoded as objects are. All readers of one data set give the same name
/// and block. A cache buys time with the store's memory: worth it where a row is dearer to read or decode than to
/// fetch. A value that is no block of this source (another data set of that name) throws `protocol` or `config`. The
/// store must outlive it.
template <source S, kv_store Store>
class cached_source {
 public:
  using value_type = typename S::value_type;

  cached_source(S from, Store& store, std::string name, std::uint64_t block = 256)
      : from_(std::move(from)), store_(&store), name_(std::move(name)), block_(block) {
    if (block == 0) throw error(error_kind::config, "cached_source: a block has at least 1 row, not 0");
  }

  [[nodiscard]] std::uint64_t size() const { return from_.size(); }
  [[nodiscard]] std::span<value_type const> read(item_range range) {
    detail::check_range(range, size(), "the cached source '" + name_ + "'");
    rows_.clear();
    for (std::uint64_t at = range.first; at < range.last;) {
      std::uint64_t const begin = at / block_ * block_;
      fetch(begin);
      std::uint64_t const end = begin + held_.size() < range.last ? begin + held_.size() : range.last;
      if (at == range.first && end == range.last)
        return std::span<value_type const>(held_).subspan(index(at - begin), index(end - at));
      rows_.insert(rows_.end(), held_.begin() + static_cast<std::ptrdiff_t>(at - begin),
                   held_.begin() + static_cast<std::ptrdiff_t>(end - begin));
      at = end;
    }
    return rows_;
  }

 private:
  [[nodiscard]] static std::size_t index(std::uint64_t i) noexcept { return static_cast<std::size_t>(i); }

  /// Leaves the block that begins at row `begin` in held_.
  void fetch(std::uint64_t begin) {
    if (held_at_ == begin && !held_.empty()) return;
    std::uint64_t const end = size() - begin < block_ ? size() : begin + block_;
    std::string const key = name_ + "/" + std::to_string(block_) + "/" + std::to_string(begin);
    held_.clear();
    if (auto const found = store_->get(key)) {
      tutti::TUTTI_ABI::decode(std::as_bytes(std::span(*found)), held_);
      if (held_.size() != end - begin)
        throw error(error_kind::config, "the store holds a block of " + std::to_string(held_.size()) + " rows under '" +
                                            key + "', where this source has " + std::to_string(end - begin) +
                                            ": give each data set a name of its own");
    } else {
      std::span<value_type const> const read = from_.read({begin, end});
      held_.assign(read.begin(), read.end());
      auto const encoded = tutti::TUTTI_ABI::encode(held_);
      store_->set(key, {reinterpret_cast<char const*>(encoded.data()), encoded.size()});
    }
    held_at_ = begin;
  }

  S from_;
  Store* store_;
  std::string name_;
  std::uint64_t block_;
  std::uint64_t held_at_ = 0;
  std::vector<value_type> held_;
  std::vector<value_type> rows_;
};

}  // namespace tutti::inline TUTTI_ABI
