// SPDX-License-Identifier: BSL-1.0
// verify_replicas: finds out whether all ranks still have the same model, bit for bit, and if not, where it begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/signature.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/shard/replicate.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// 64 bits that change with any bit of `data`: eight bytes at a time, where FNV-1a takes one. Between ranks of one byte
/// order only. The finishing steps are those of splitmix64 (Steele, Lea & Flood 2014).
[[nodiscard]] inline std::uint64_t quick_hash(const_bytes data, std::uint64_t start) noexcept {
  std::uint64_t h = start ^ (data.size() * 0x9e3779b97f4a7c15U);
  std::size_t at = 0;
  std::uint64_t word = 0;
  for (; at + 8 <= data.size(); at += 8) {
    std::memcpy(&word, data.data() + at, 8);
    h = (h ^ word) * 0xff51afd7ed558ccdU;
    h ^= h >> 32U;
  }
  word = 0;
  if (at < data.size()) std::memcpy(&word, data.data() + at, data.size() - at);
  h = (h ^ word) * 0xff51afd7ed558ccdU;
  h = (h ^ (h >> 30U)) * 0xbf58476d1ce4e5b9U;
  return h ^ (h >> 31U);
}

/// The bytes of each tensor.
struct seen_tensor {
  std::string name;
  const_bytes data;
  std::size_t element_size;
  std::string (*text)(std::byte const*);
};
template <class T>
[[nodiscard]] std::string number_text(std::byte const* from) {
  char digits[48] = "…";
  if constexpr (std::is_integral_v<T>) {
    T x;
    std::memcpy(&x, from, sizeof(T));
    return std::to_string(x);
  } else if constexpr (std::is_floating_point_v<T>) {
    T x;
    std::memcpy(&x, from, sizeof(T));
    std::snprintf(digits, sizeof(digits), "%.*g", std::numeric_limits<T>::max_digits10, static_cast<double>(x));
  }
  return digits;
}

/// Whether the ranks `a` and `b` have the same number here, told to all ranks.
template <transport::streams S>
[[nodiscard]] bool same_on(basic_communicator<S>& comm, std::uint64_t mine, int other, options how) {
  std::uint64_t theirs = mine;
  tutti::TUTTI_ABI::broadcast(comm, theirs, how);
  int same = theirs == mine ? 1 : 0;
  how.root = other;
  tutti::TUTTI_ABI::broadcast(comm, same, how);
  return same != 0;
}

}  // namespace detail

/// Collective. Returns if the tensors of all ranks, buffers included, have the same bits; costs a pass over the model
/// and an allgather of eight bytes, so call it now and then. Else throws config on every rank: the same sentence,
/// naming the first rank that differs from the root, the first tensor and index where it does, and both numbers. That
/// takes two small messages for each halving. Models of different shapes throw as in check_replicas().
template <transport::streams S, class M>
void verify_replicas(basic_communicator<S>& comm, M const& model, options how = {}) {
  detail::checked_root(comm, plan::collective::broadcast, how.root);
  std::vector<detail::seen_tensor> tensors;
  for_each_tensor(model, [&]<class T>(tensor<T const> const& t) {
    tensors.push_back({std::string(t.name), std::as_bytes(t.data), sizeof(T), &detail::number_text<T>});
  });
  auto const hash_of = [&](std::size_t first, std::size_t last, std::uint64_t h = 0) {
    for (std::size_t i = first; i < last; ++i) h = detail::quick_hash(tensors[i].data, h);
    return h;
  };
  std::uint64_t const mine = hash_of(0, tensors.size(), signature_of(model).hash);
  std::vector<std::uint64_t> hashes(static_cast<std::size_t>(comm.size()));
  allgather(comm, std::span<std::uint64_t const>(&mine, 1), hashes, how);
  auto const root = static_cast<std::size_t>(how.root);
  std::size_t other = 0;
  while (other < hashes.size() && hashes[other] == hashes[root]) ++other;
  if (other == hashes.size()) return;
  tutti::TUTTI_ABI::check_replicas(comm, model, how);

  int const who = static_cast<int>(other);
  // The first difference is in [first, last): of tensors, then of the numbers of one.
  std::size_t first = 0;
  std::size_t last = tensors.size();
  while (last - first > 1) {
    std::size_t const middle = first + (last - first) / 2;
    (detail::same_on(comm, hash_of(first, middle), who, how) ? first : last) = middle;
  }
  auto const& t = tensors[first];
  std::size_t begin = 0;
  std::size_t end = t.data.size() / t.element_size;
  while (end - begin > 1) {
    std::size_t const middle = begin + (end - begin) / 2;
    auto const half = t.data.subspan(begin * t.element_size, (middle - begin) * t.element_size);
    (detail::same_on(comm, detail::quick_hash(half, 0), who, how) ? begin : end) = middle;
  }
  std::string here = t.text(t.data.data() + begin * t.element_size);
  std::string there = here;
  tutti::TUTTI_ABI::broadcast(comm, here, how);
  options from = how;
  from.root = who;
  tutti::TUTTI_ABI::broadcast(comm, there, from);
  try {
    barrier(comm, how);  // a rank that ended of this error sooner would abort those who have yet to hear the words
  } catch (error const&) {
  }
  throw error(error_kind::config, "the replicas of rank " + std::to_string(root) + " and rank " + std::to_string(who) +
                                      " differ, first in number " + std::to_string(begin) + " of tensor '" + t.name +
                                      "': " + here + " and " + there);
}

}  // namespace tutti::inline TUTTI_ABI
