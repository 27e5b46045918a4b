// SPDX-License-Identifier: BSL-1.0
// The keys by which hashing schemes know items: numbers, texts or any object, given as a range or as a function.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/hash_key.hpp>

namespace tutti::inline TUTTI_ABI {

/// `{}`: the number of the item. A range: key i is its i-th element; only the keys' hashes are kept, 8 bytes each. A
/// function: key i is what it returns for i; it must return the same on every rank.
class item_keys {
 public:
  item_keys() = default;
  template <class Range>
  requires requires(Range const& r) { hash_key(*std::begin(r)); }
  item_keys(Range const& keys) {  // NOLINT: `by_hash{names}` reads well
    std::vector<std::uint64_t> hashes;
    for (auto const& key : keys) hashes.push_back(hash_key(key));
    hashes_ = std::make_shared<std::vector<std::uint64_t> const>(std::move(hashes));
  }
  template <class Function>
  requires std::invocable<Function const&, std::uint64_t> item_keys(Function key_of)  // NOLINT: as above
      : hash_of_([f = std::move(key_of)](std::uint64_t i) { return hash_key(f(i)); }) {}

  [[nodiscard]] std::uint64_t hash(std::uint64_t i) const {
    if (hashes_) return (*hashes_)[static_cast<std::size_t>(i)];
    return hash_of_ ? hash_of_(i) : hash_key(i);
  }
  /// Throws config if these are keys of another number of items.
  void check(char const* scheme, std::uint64_t n) const {
    if (hashes_ && hashes_->size() != n)
      throw error(error_kind::config, std::string(scheme) + ": " + std::to_string(hashes_->size()) + " keys for " +
                                          std::to_string(n) + " items");
  }

 private:
  std::shared_ptr<std::vector<std::uint64_t> const> hashes_{};
  std::function<std::uint64_t(std::uint64_t)> hash_of_{};
};

}  // namespace tutti::inline TUTTI_ABI
