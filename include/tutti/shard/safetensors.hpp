// SPDX-License-Identifier: BSL-1.0
// A checkpoint as one file that other programs read: the safetensors format (a JSON header, then the numbers).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/shard/checkpoint_reader.hpp>
#include <tutti/shard/durable_file.hpp>
#include <tutti/shard/slice.hpp>

namespace tutti::inline TUTTI_ABI::detail {

[[nodiscard]] inline std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (char const c : text) {
    auto const code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      quoted.append({'\\', c});
    else if (code < 0x20)
      quoted += "\\u00" + std::string{"01"[code >> 4U], "0123456789abcdef"[code & 15U]};
    else
      quoted += c;
  }
  return quoted + "\"";
}

[[nodiscard]] inline std::string_view safetensors_type(checkpoint::saved_tensor const& t) {
  static constexpr std::pair<std::string_view, std::string_view> known[] = {
      {"f64", "F64"}, {"f32", "F32"}, {"f16", "F16"}, {"bf16", "BF16"}, {"i64", "I64"},
      {"i32", "I32"}, {"i16", "I16"}, {"i8", "I8"},   {"u64", "U64"},   {"u32", "U32"},
      {"u16", "U16"}, {"byte", "U8"}, {"u8", "U8"},   {"bool", "BOOL"}};
  for (auto const& [ours, theirs] : known)
    if (ours == t.element) return theirs;
  throw error(error_kind::config, "tensor '" + t.name + "' holds " + t.element +
                                      ", which safetensors does not know: leave it out of what you export");
}

}  // namespace tutti::inline TUTTI_ABI::detail

namespace tutti::inline TUTTI_ABI::checkpoint {

/// Writes every tensor of the checkpoint `path` into the new file `to`, which appears whole or not at all. For one
/// process; holds 1 MiB at a time. Throws config for a number type the format does not have.
template <class Files = detail::durable_files>
void export_safetensors(std::string const& path, std::string const& to) {
  reader from(path);
  std::string header = "{";
  std::uint64_t at = 0;
  for (auto const& t : from.tensors()) {
    std::string shape;
    for (std::size_t const extent : t.shape) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    std::uint64_t const end = at + t.size() * t.width;
    header += (header.size() > 1 ? "," : "") + detail::json_text(t.name) + ":{\"dtype\":\"" +
              std::string(detail::safetensors_type(t)) + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
              std::to_string(at) + "," + std::to_string(end) + "]}";
    at = end;
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  std::array<std::byte, 8> length{};
  store_little(length.data(), std::uint64_t{header.size()});

  std::string const draft = to + ".part";
  detail::durable_file<Files> file(draft);
  file.append(length);
  file.append(std::as_bytes(std::span<char const>(header)));
  std::vector<std::byte> numbers;
  for (std::size_t t = 0; t < from.tensors().size(); ++t) {
    auto const& tensor = from.tensors()[t];
    std::uint64_t const most = (std::max)(std::uint64_t{1}, (std::uint64_t{1} << 20U) / tensor.width);
    for (std::uint64_t first = 0; first < tensor.size(); first += most) {
      std::uint64_t const count = (std::min)(most, tensor.size() - first);
      numbers.resize(static_cast<std::size_t>(count * tensor.width));
      from.copy(t, slice::range(first, count), numbers.data());
      file.append(numbers);
    }
  }
  file.finish();
  Files::rename(draft, to);
  std::size_t const slash = to.find_last_of('/');
  Files::sync_directory(slash == std::string::npos ? "." : to.substr(0, slash + 1));
}

}  // namespace tutti::inline TUTTI_ABI::checkpoint
