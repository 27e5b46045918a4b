// SPDX-License-Identifier: BSL-1.0
// The table of contents of a checkpoint: which numbers of which tensor lie where in which file. Text, read by a parser
// that believes nothing.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/shard/crc32.hpp>
#include <tutti/shard/slice.hpp>

namespace tutti::inline TUTTI_ABI::checkpoint {

/// A tensor as it was saved.
struct saved_tensor {
  std::string name;
  std::string element;      ///< "f32", "i64", …
  std::uint64_t width = 0;  ///< bytes of one number
  std::vector<std::size_t> shape;
  friend bool operator==(saved_tensor const&, saved_tensor const&) = default;

  [[nodiscard]] std::uint64_t size() const noexcept {
    std::uint64_t n = 1;
    for (std::size_t const extent : shape) n *= extent;
    return n;
  }
};

}  // namespace tutti::inline TUTTI_ABI::checkpoint

namespace tutti::inline TUTTI_ABI::detail {

template <class T>
[[nodiscard]] std::string stored_element() {
  std::string name = element_name(element_code<T>());
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

/// The numbers `what` of tensor number `tensor` lie in file number `file`, one after another from byte `offset` on.
struct saved_piece {
  std::size_t tensor = 0;
  std::size_t file = 0;
  std::uint64_t offset = 0;
  checkpoint::slice what;
};

struct saved_file {
  std::string name;  ///< in the directory of the checkpoint
  std::uint64_t size = 0;
  std::vector<std::uint32_t> sums;  ///< of each block of 1 MiB
};

struct manifest {
  std::vector<checkpoint::saved_tensor> tensors;
  std::vector<saved_file> files;
  std::vector<saved_piece> pieces;  ///< by tensor
};

// Writing. Numbers are decimal, sums hexadecimal; a name stands at the end of its line, with %XX for what is no plain
// character.

[[nodiscard]] inline std::string hex8(std::uint32_t sum) {
  std::string text(8, '0');
  for (std::size_t i = 8; i-- > 0; sum >>= 4U) text[i] = "0123456789abcdef"[sum & 15U];
  return text;
}

[[nodiscard]] inline std::string escaped(std::string_view name) {
  std::string text;
  for (char const c : name) {
    auto const code = static_cast<unsigned char>(c);
    if (code > 0x20 && code != '%' && code != 0x7f)
      text += c;
    else
      text.append({'%', "0123456789abcdef"[code >> 4U], "0123456789abcdef"[code & 15U]});
  }
  return text;
}

[[nodiscard]] inline std::string manifest_line(checkpoint::saved_tensor const& t) {
  std::string line = "tensor " + t.element + " " + std::to_string(t.width) + " " + std::to_string(t.shape.size());
  for (std::size_t const extent : t.shape) line += " " + std::to_string(extent);
  return line + " " + escaped(t.name) + "\n";
}
[[nodiscard]] inline std::string manifest_line(saved_file const& f) {
  std::string line = "file " + f.name + " " + std::to_string(f.size);
  for (std::uint32_t const sum : f.sums) line += " " + hex8(sum);
  return line + "\n";
}
[[nodiscard]] inline std::string manifest_line(saved_piece const& p) {
  std::string line = "piece " + std::to_string(p.tensor);
  for (std::uint64_t const n : {p.offset, p.what.first, p.what.run, p.what.stride, p.what.runs})
    line += " " + std::to_string(n);
  return line + "\n";
}
inline constexpr std::string_view manifest_head = "tutti checkpoint 1\n";

/// The whole text: head, tensors, then for each file its line and its pieces, and the sum of all that.
[[nodiscard]] inline std::string sealed(std::string text) {
  auto const sum = crc32(std::as_bytes(std::span<char const>(text)));
  return std::move(text) + "end " + hex8(sum) + "\n";
}

/// Reads lines of words; every refusal names the line.
class manifest_reader {
 public:
  manifest_reader(std::string const& path, std::string_view text) : path_(path), text_(text) {}

  [[noreturn]] void refuse(std::string const& why) const {
    throw error(error_kind::protocol, path_ + ", line " + std::to_string(line_) + ": " + why);
  }
  [[nodiscard]] bool next_line() {
    if (text_.empty()) return false;
    ++line_;
    std::size_t const end = text_.find('\n');
    if (end == std::string_view::npos) refuse("the line has no end");
    rest_ = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return true;
  }
  [[nodiscard]] bool more() const noexcept { return !rest_.empty(); }
  [[nodiscard]] std::string_view word() {
    std::size_t const end = (std::min)(rest_.find(' '), rest_.size());
    if (end == 0) refuse("a word is missing");
    std::string_view const found = rest_.substr(0, end);
    rest_.remove_prefix((std::min)(end + 1, rest_.size()));
    return found;
  }
  [[nodiscard]] std::uint64_t number(int base = 10) {
    std::string_view const text = word();
    std::uint64_t n = 0;
    auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n, base);
    if (problem != std::errc() || end != text.data() + text.size()) refuse("'" + std::string(text) + "' is no number");
    return n;
  }
  [[nodiscard]] std::string name() {
    std::string_view const text = word();
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
      unsigned code = static_cast<unsigned char>(text[i]);
      if (text[i] == '%') {
        if (i + 2 >= text.size()) refuse("a %XX is cut off");
        auto const [end, problem] = std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16);
        if (problem != std::errc() || end != text.data() + i + 3) refuse("a % without two digits");
        i += 2;
      }
      plain += static_cast<char>(code);
    }
    return plain;
  }
  void end_of_line() const {
    if (more()) refuse("there is more in this line than belongs there");
  }

 private:
  std::string const& path_;
  std::string_view text_;
  std::string_view rest_;
  std::size_t line_ = 0;
};

[[nodiscard]] inline std::uint64_t checked_product(manifest_reader const& in, std::uint64_t a, std::uint64_t b) {
  if (a != 0 && b > (std::uint64_t{1} << 62U) / a) in.refuse("this is larger than any memory");
  return a * b;
}

/// A piece must lie in its tensor and in its file.
inline void check_piece(manifest_reader const& in, manifest const& all, saved_piece const& one) {
  if (one.tensor >= all.tensors.size() || all.files.empty()) in.refuse("a piece of no tensor, or in no file");
  auto const& tensor = all.tensors[one.tensor];
  auto const& s = one.what;
  if (s.run == 0 || s.runs == 0 || s.stride < s.run) in.refuse("an empty piece, or runs that overlap");
  auto const reach = checked_product(in, s.stride, s.runs - 1);
  if (s.first > tensor.size() || reach > tensor.size() || s.run > tensor.size() ||
      s.first + reach + s.run > tensor.size())
    in.refuse("a piece reaches beyond tensor '" + tensor.name + "'");
  auto const size = checked_product(in, checked_product(in, s.run, s.runs), tensor.width);
  auto const room = all.files.back().size;
  if (one.offset > room || size > room - one.offset) in.refuse("a piece reaches beyond its file");
}

/// Throws unless the pieces hold every number of every tensor exactly once. Sorts them by tensor.
inline void check_cover(std::string const& path, manifest& all) {
  std::stable_sort(all.pieces.begin(), all.pieces.end(),
                   [](saved_piece const& a, saved_piece const& b) { return a.tensor < b.tensor; });
  auto at = all.pieces.begin();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  for (std::size_t t = 0; t < all.tensors.size(); ++t) {
    auto const& tensor = all.tensors[t];
    std::uint64_t left = tensor.size();
    bool whole = true;
    runs.clear();
    for (; at != all.pieces.end() && at->tensor == t && whole; ++at) {
      whole = at->what.count() <= left;
      if (!whole) break;
      left -= at->what.count();
      for (std::uint64_t i = 0; i < at->what.runs; ++i)
        runs.emplace_back(at->what.first + i * at->what.stride, at->what.run);
    }
    std::sort(runs.begin(), runs.end());
    std::uint64_t end = 0;
    for (auto const& [first, count] : runs) {
      whole = whole && first == end;
      end += count;
    }
    if (!whole || left != 0)
      throw error(error_kind::config,
                  path + ": the parts of tensor '" + tensor.name + "' do not hold each of its numbers exactly once");
  }
}

/// Throws protocol, naming the line, for anything that sealed() does not write.
[[nodiscard]] inline manifest parse_manifest(std::string const& path, std::string_view text) {
  manifest all;
  manifest_reader in(path, text);
  std::size_t const seal = text.size() >= 13 ? text.size() - 13 : 0;
  if (!text.starts_with(manifest_head)) throw error(error_kind::protocol, path + " is no manifest of this version");
  if (text.substr(seal) != "end " + hex8(crc32(std::as_bytes(std::span<char const>(text.substr(0, seal))))) + "\n")
    throw error(error_kind::protocol, path + " is damaged: its checksum does not match");
  (void)in.next_line();
  while (in.next_line()) {
    std::string_view const kind = in.word();
    if (kind == "tensor") {
      checkpoint::saved_tensor t;
      t.element = in.word();
      t.width = in.number();
      std::uint64_t size = t.width;
      for (std::uint64_t d = in.number(); d > 0; --d) {
        t.shape.push_back(static_cast<std::size_t>(in.number()));
        size = checked_product(in, size, t.shape.back());
      }
      t.name = in.name();
      all.tensors.push_back(std::move(t));
    } else if (kind == "file") {
      saved_file f;
      f.name = in.word();
      f.size = in.number();
      if (f.name.find_first_of("/\\:") != std::string::npos || f.name.starts_with('.'))
        in.refuse("a file's name that leads elsewhere");
      while (in.more()) f.sums.push_back(static_cast<std::uint32_t>(in.number(16)));
      if (f.sums.size() != f.size / (1U << 20U) + (f.size % (1U << 20U) > 0 ? 1 : 0))
        in.refuse("not one checksum per block");
      all.files.push_back(std::move(f));
    } else if (kind == "piece") {
      saved_piece p;
      p.tensor = static_cast<std::size_t>(in.number());
      p.offset = in.number();
      p.what.first = in.number();
      p.what.run = in.number();
      p.what.stride = in.number();
      p.what.runs = in.number();
      check_piece(in, all, p);
      p.file = all.files.size() - 1;
      all.pieces.push_back(p);
    } else if (kind == "end") {
      (void)in.number(16);
      if (in.more() || in.next_line()) in.refuse("there is something after the end");
    } else {
      in.refuse("'" + std::string(kind) + "' is unknown");
    }
    in.end_of_line();
  }
  check_cover(path, all);
  return all;
}

}  // namespace tutti::inline TUTTI_ABI::detail
