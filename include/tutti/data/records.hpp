// SPDX-License-Identifier: BSL-1.0
// Where the lines of a text file begin: cut among ranks without reading it, or all of them in one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/file_window.hpp>
#include <tutti/data/slots.hpp>
#include <tutti/data/source.hpp>

namespace tutti::inline TUTTI_ABI {

/// The bytes [first, last) of a file.
struct byte_range {
  std::uint64_t first = 0;
  std::uint64_t last = ~std::uint64_t{0};  ///< beyond the end: up to the end
  friend bool operator==(byte_range const&, byte_range const&) = default;
};

namespace detail {

/// Calls f(bytes as text, offset) for one piece after another of [first, last), until it returns false.
template <class F>
void for_pieces(file_window& file, byte_range part, F&& f) {
  constexpr std::uint64_t most = std::uint64_t{1} << 20U;
  for (std::uint64_t at = part.first; at < part.last;) {
    std::uint64_t const n = part.last - at < most ? part.last - at : most;
    const_bytes const raw = file.read(at, static_cast<std::size_t>(n));
    if (!f(std::string_view(reinterpret_cast<char const*>(raw.data()), raw.size()), at)) return;
    at += n;
  }
}

/// The first byte at `from` or behind it at which a line begins.
inline std::uint64_t next_line(file_window& file, std::uint64_t from) {
  if (from == 0 || from >= file.size()) return from < file.size() ? from : file.size();
  std::uint64_t found = file.size();
  for_pieces(file, {from - 1, file.size()}, [&](std::string_view text, std::uint64_t at) {
    std::size_t const newline = text.find('\n');
    if (newline == text.npos) return true;
    found = at + newline + 1;
    return false;
  });
  return found;
}

}  // namespace detail

/// Part r of P of the file, cut where lines begin: a line belongs to the part in which its first byte would lie if all
/// parts were equally long. So every line is in exactly one part, whatever P; parts may be empty. Reads a line or two.
/// CRLF or LF, the last line with or without either. A quoted line break of a CSV file counts as a line's end too.
[[nodiscard]] inline byte_range split_records(std::string const& path, int parts, int r) {
  if (parts < 1 || r < 0 || r >= parts)
    throw error(error_kind::config, "part " + std::to_string(r) + " of " + std::to_string(parts) + " of " + path +
                                        ": give 0 <= part < parts");
  detail::file_window file(path);
  auto const cut = [&](int at) {
    return detail::next_line(
        file, detail::even_cut(file.size(), static_cast<std::uint64_t>(parts), static_cast<std::uint64_t>(at)));
  };
  return {cut(r), cut(r + 1)};
}

namespace detail {

/// The records of a part of a text file, by where they begin: 8 bytes per record, found in one pass. A record ends with
/// LF or CRLF, or with the part; where `quotes`, not within a pair of `"`. Lines of no characters are no records.
class record_index {
 public:
  record_index(std::string path, byte_range part, bool quotes) : file_(std::move(path)) {
    if (part.last > file_.size()) part.last = file_.size();
    if (part.first > part.last) part.first = part.last;
    std::uint64_t begin = part.first;
    bool quoted = false;
    char before = '\n';
    for_pieces(file_, part, [&](std::string_view text, std::uint64_t at) {
      for (std::size_t i = 0; i < text.size(); ++i) {
        if (!quotes) {
          std::size_t const newline = text.find('\n', i);
          if (newline != i) before = text[(newline == text.npos ? text.size() : newline) - 1];
          if (newline == text.npos) return true;
          i = newline;
        }
        if (quotes && text[i] == '"') quoted = !quoted;
        if (text[i] == '\n' && !quoted) {
          end_record(begin, at + i - (before == '\r' ? 1 : 0));
          begin = at + i + 1;
        }
        before = text[i];
      }
      return true;
    });
    end_record(begin, part.last);
    end_ = part.last;
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return begins_.size(); }
  [[nodiscard]] file_place place(std::uint64_t i) const { return {file_.path(), begins_[static_cast<std::size_t>(i)]}; }
  [[nodiscard]] std::string const& path() const noexcept { return file_.path(); }

  /// Without its line's end; valid until the next call.
  [[nodiscard]] std::string_view record(std::uint64_t i) {
    std::uint64_t const begin = begins_[static_cast<std::size_t>(i)];
    std::uint64_t const end = i + 1 < begins_.size() ? begins_[static_cast<std::size_t>(i) + 1] : end_;
    const_bytes const raw = file_.read(begin, static_cast<std::size_t>(end - begin));
    std::string_view text(reinterpret_cast<char const*>(raw.data()), raw.size());
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    return text;
  }

 private:
  void end_record(std::uint64_t begin, std::uint64_t end) {
    if (end > begin) begins_.push_back(begin);
  }

  file_window file_;
  std::vector<std::uint64_t> begins_;
  std::uint64_t end_ = 0;
};

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
