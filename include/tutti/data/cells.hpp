// SPDX-License-Identifier: BSL-1.0
// One record of a CSV file: split into cells, and the cells put into the fields of a user's row.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/short_float.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/fields.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/model/visit.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// What is wrong with a record, without its place. Only thrown within the sources.
struct bad_cells {
  std::string why;
};

/// RFC 4180: cells between separators; one in quotes may hold separators, line ends, and `""` for a quote. Returns how
/// many there are; `cells` keeps its strings for the next record.
inline std::size_t split_cells(std::string_view record, char separator, std::vector<std::string>& cells) {
  std::size_t count = 0;
  for (std::size_t at = 0;; ++at) {  // `at` is where a cell begins
    if (count == cells.size()) cells.emplace_back();
    std::string& cell = cells[count++];
    if (at < record.size() && record[at] == '"') {
      cell.clear();
      for (++at;; ++at) {
        std::size_t const quote = record.find('"', at);
        if (quote == record.npos) throw bad_cells{"cell " + std::to_string(count) + " has no closing quote"};
        cell.append(record.substr(at, quote - at));
        at = quote + 1;
        if (at >= record.size() || record[at] != '"') break;
        cell.push_back('"');
      }
      if (at < record.size() && record[at] != separator)
        throw bad_cells{"cell " + std::to_string(count) + " goes on behind its closing quote"};
    } else {
      std::size_t const end = record.find(separator, at);
      cell.assign(record.substr(at, end == record.npos ? end : end - at));
      at = end == record.npos ? record.size() : end;
    }
    if (at >= record.size()) return count;
  }
}

template <class M>
inline constexpr bool is_std_array = false;
template <class T, std::size_t n>
inline constexpr bool is_std_array<std::array<T, n>> = true;

/// Hands the cells out to the fields of a row, in order.
class cell_reader {
 public:
  cell_reader(std::vector<std::string>& cells, std::size_t count) : cells_(cells), count_(count) {}

  /// A number, enumeration or string takes one cell; std::vector takes all that are left; an aggregate, tuple or array
  /// takes them field by field; any other model tensor by tensor.
  template <class M>
  void read(M& m) {
    if constexpr (std::is_same_v<M, std::string>) {
      m = next();
    } else if constexpr (is_tensor_element<M>) {
      number(m);
    } else if constexpr (std::is_enum_v<M>) {
      std::underlying_type_t<M> value{};
      number(value);
      m = static_cast<M>(value);
    } else if constexpr (requires {
                           m.emplace_back();
                           m.clear();
                         }) {
      m.clear();
      while (at_ < count_) {
        typename M::value_type value{};
        read(value);
        m.push_back(value);
      }
    } else if constexpr (std::is_array_v<M> || (is_std_array<M> && !fixed_array<M>::is_numbers)) {
      for (auto& element : m) read(element);
    } else if constexpr (is_tuple<M> || is_pair<M>) {
      std::apply([this](auto&... field) { (this->read(field), ...); }, m);
    } else if constexpr (detail::tier_of<M>() == tier::aggregate) {
      std::apply([this](auto&... field) { (this->read(field), ...); }, detail::tie_fields(m));
    } else {
      tutti::TUTTI_ABI::for_each_tensor(m, [this](auto const& tensor) {
        for (auto& value : tensor.data) this->number(value);
      });
    }
  }

  /// Throws unless every cell was taken.
  void finish() const {
    if (at_ < count_) throw bad_cells{std::to_string(count_) + " cells, but a row takes " + std::to_string(at_)};
  }

 private:
  std::string& next() {
    if (at_ == count_) throw bad_cells{std::to_string(count_) + " cells, and a row takes more"};
    return cells_[at_++];
  }

  template <class T>
  void number(T& value) {
    std::string_view text = next();
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
    if constexpr (std::is_same_v<T, bool>) {
      if (text != "0" && text != "1" && text != "false" && text != "true") refuse("is not 0, 1, true or false");
      value = text == "1" || text == "true";
    } else if constexpr (std::is_floating_point_v<T> || std::is_integral_v<T>) {
      std::conditional_t<std::is_integral_v<T>, long long, T> wide{};
      if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof wide) {
        parse(text, value);
      } else {
        parse(text, wide);
        if constexpr (std::is_integral_v<T>)
          if (wide < static_cast<long long>((std::numeric_limits<T>::min)()) ||
              wide > static_cast<long long>((std::numeric_limits<T>::max)()))
            refuse("does not fit");
        value = static_cast<T>(wide);
      }
    } else {
      static_assert(std::is_constructible_v<T, float>, "tutti: a cell holds no number of this type; take its text.");
      float wide{};
      parse(text, wide);
      value = T(wide);
    }
  }
  template <class T>
  void parse(std::string_view text, T& value) {
    auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem == std::errc::result_out_of_range) refuse("does not fit");
    if (problem != std::errc{} || end != text.data() + text.size())
      refuse(std::is_floating_point_v<T> ? "is not a number" : "is not a whole number");
  }
  [[noreturn]] void refuse(std::string const& why) const {
    throw bad_cells{"cell " + std::to_string(at_) + ", \"" + cells_[at_ - 1].substr(0, 40) + "\", " + why};
  }

  std::vector<std::string>& cells_;
  std::size_t count_;
  std::size_t at_ = 0;
};

}  // namespace tutti::inline TUTTI_ABI::detail
