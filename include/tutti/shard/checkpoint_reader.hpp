// SPDX-License-Identifier: BSL-1.0
// Reads a checkpoint, whatever world it comes from, in a single process: any numbers of any tensor, each block of a
// file checked the first time it is touched.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/file_window.hpp>
#include <tutti/shard/manifest.hpp>
#include <tutti/shard/slice.hpp>

namespace tutti::inline TUTTI_ABI::detail {

[[nodiscard]] inline std::string manifest_path(std::string const& path) { return path + "/manifest"; }

[[nodiscard]] inline std::string manifest_text(std::string const& path) {
  file_window file(detail::manifest_path(path));
  auto const size = static_cast<std::size_t>(file.size());
  const_bytes const all = file.read(0, size);
  return {reinterpret_cast<char const*>(all.data()), size};
}

}  // namespace tutti::inline TUTTI_ABI::detail

namespace tutti::inline TUTTI_ABI::checkpoint {

/// `checkpoint::reader r(path); r.read("layers.0.weight", numbers);` Needs no communicator. Throws resource if a file
/// is missing, protocol if one is damaged, naming it. Not thread safe.
class reader {
 public:
  explicit reader(std::string const& path) : reader(path, detail::manifest_text(path)) {}
  /// The same with the manifest's text at hand.
  reader(std::string const& path, std::string_view manifest)
      : path_(path), all_(detail::parse_manifest(detail::manifest_path(path), manifest)) {
    for (std::size_t t = 0; t < all_.tensors.size(); ++t) by_name_.push_back(t);
    std::sort(by_name_.begin(), by_name_.end(),
              [&](std::size_t a, std::size_t b) { return all_.tensors[a].name < all_.tensors[b].name; });
    open_.resize(all_.files.size());
  }

  [[nodiscard]] std::span<saved_tensor const> tensors() const noexcept { return all_.tensors; }
  /// The tensor's place in tensors(), or nothing.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const {
    auto const at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                     [&](std::size_t t, std::string_view n) { return all_.tensors[t].name < n; });
    if (at == by_name_.end() || all_.tensors[*at].name != name) return std::nullopt;
    return *at;
  }

  /// The whole tensor, row by row. Throws config unless it is there, of such numbers and as many.
  template <class T>
  void read(std::string_view name, std::span<T> numbers) {
    auto const t = find(name);
    if (!t) throw error(error_kind::config, path_ + " has no tensor '" + std::string(name) + "'");
    auto const& tensor = all_.tensors[*t];
    if (tensor.element != detail::stored_element<T>() || tensor.size() != numbers.size())
      throw error(error_kind::config, path_ + ": '" + std::string(name) + "' is " + std::to_string(tensor.size()) +
                                          " " + tensor.element + ", not " + std::to_string(numbers.size()) + " " +
                                          detail::stored_element<T>());
    copy(*t, slice::range(0, tensor.size()), std::as_writable_bytes(numbers).data());
  }

  /// Those numbers of tensor number `t`, one after another, to `to`.
  void copy(std::size_t t, slice const& which, std::byte* to) {
    auto const width = all_.tensors[t].width;
    each_part(t, which, [&](detail::saved_piece const& from, std::uint64_t in_piece, std::uint64_t at, auto count) {
      const_bytes const found = checked(from.file, from.offset + in_piece * width, count * width);
      std::memcpy(to + at * width, found.data(), found.size());
    });
  }
  /// Throws what copy() would.
  void check(std::size_t t, slice const& which) {
    auto const width = all_.tensors[t].width;
    each_part(t, which, [&](detail::saved_piece const& from, std::uint64_t in_piece, std::uint64_t, auto count) {
      (void)checked(from.file, from.offset + in_piece * width, count * width);
    });
  }
  [[nodiscard]] detail::manifest const& contents() const noexcept { return all_; }

 private:
  static constexpr std::uint64_t block = std::uint64_t{1} << 20U;
  struct opened {
    detail::file_window window;
    std::vector<bool> good;  // by block
  };

  template <class F>
  void each_part(std::size_t t, slice const& which, F f) const {
    auto at = std::lower_bound(all_.pieces.begin(), all_.pieces.end(), t,
                               [](detail::saved_piece const& p, std::size_t tensor) { return p.tensor < tensor; });
    for (; at != all_.pieces.end() && at->tensor == t; ++at)
      for_each_common(at->what, which, [&](std::uint64_t in_piece, std::uint64_t in_which, std::uint64_t count) {
        f(*at, in_piece, in_which, count);
      });
  }

  const_bytes checked(std::size_t f, std::uint64_t offset, std::uint64_t size) {
    auto const& file = all_.files[f];
    if (!open_[f]) {
      open_[f].emplace(opened{detail::file_window(path_ + "/" + file.name), std::vector<bool>(file.sums.size())});
      if (open_[f]->window.size() != file.size)
        throw error(error_kind::protocol, open_[f]->window.path() + " has " + std::to_string(open_[f]->window.size()) +
                                              " bytes, not " + std::to_string(file.size) +
                                              ": it is damaged, or of another checkpoint");
    }
    opened& now = *open_[f];
    for (std::uint64_t b = offset / block; b * block < offset + size; ++b) {
      if (now.good[b]) continue;
      auto const length = (std::min)(block, file.size - b * block);
      if (detail::crc32(now.window.read(b * block, static_cast<std::size_t>(length))) != file.sums[b])
        throw error(error_kind::protocol, now.window.path() + " is damaged: bytes " + std::to_string(b * block) +
                                              " to " + std::to_string(b * block + length) +
                                              " do not match their checksum");
      now.good[b] = true;
    }
    return now.window.read(offset, static_cast<std::size_t>(size));
  }

  std::string path_;
  detail::manifest all_;
  std::vector<std::size_t> by_name_;
  std::vector<std::optional<opened>> open_;  // by file, when first needed
};

}  // namespace tutti::inline TUTTI_ABI::checkpoint
