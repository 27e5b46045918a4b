// SPDX-License-Identifier: BSL-1.0
// Promises of data/features.hpp.
#include <tutti/data/features.hpp>

#include <doctest/doctest.h>

#include <array>
#include <list>
#include <span>
#include <vector>

namespace {

struct house {
  int id;
  std::array<float, 3> facts;
  std::vector<float> more;
};

TEST_CASE("features: floats that lie in the rows are not copied; others are converted") {
  std::list<house> const rows{{1, {1, 2, 3}, {4, 5}}, {2, {6, 7, 8}, {9, 10}}};
  tutti::detail::point_table<float> const inside("x", rows, &house::facts);
  CHECK((inside.columns == 3 && inside.size() == 2 && inside.copied.empty()));
  CHECK(inside.at[1] == rows.back().facts.data());
  auto const spans = [](house const& h) { return std::span(h.more); };
  CHECK(tutti::detail::point_table<float>("x", rows, spans).at[0] == rows.front().more.data());
  auto const made = [](house const& h) { return std::array{static_cast<double>(h.id), 0.5}; };
  tutti::detail::point_table<float> const copied("x", rows, made);
  CHECK((copied.columns == 2 && copied.at[1][0] == 2.0F && copied.at[1][1] == 0.5F));
  tutti::detail::point_table<double> const wider("x", rows, &house::facts);
  CHECK((wider.at[1][2] == 8.0 && wider.copied.size() == 6));
  std::vector<std::vector<float>> const plain{{1, 2}, {3, 4}};
  CHECK(tutti::detail::point_table<float>("x", plain, tutti::whole_row{}).at[1] == plain[1].data());
}

TEST_CASE("features: a row of another length is named") {
  std::vector<std::vector<float>> const rows{{1, 2}, {3, 4}, {5}};
  CHECK_THROWS_WITH_AS(tutti::detail::point_table<float>("kmeans", rows, tutti::whole_row{}),
                       "kmeans: row 2 has 1 features, row 0 has 2", tutti::error);
}

}  // namespace
