// SPDX-License-Identifier: BSL-1.0
// Opt-in: clusters around means, over all ranks, with Eigen for the distances; and a way to cut data by them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/data.hpp>
#include <tutti/data/deal_clusters.hpp>
#include <tutti/data/features.hpp>
#include <tutti/data/fixed_point.hpp>
#include <tutti/data/pack_clusters.hpp>

#include <Eigen/Core>

namespace tutti::inline TUTTI_ABI {

/// How k-means begins: with rows drawn far from one another (Arthur & Vassilvitskii 2007), or with any k rows.
enum class kmeans_start : std::uint8_t { plus_plus, random };

struct kmeans_options {
  int k = 8;                ///< clusters; at least 1, at most the number of rows over all ranks
  double capacity = 0.05;   ///< no rank gets more than ⌈(1 + capacity) n / P⌉ rows; infinity: clusters stay whole
  int iterations = 300;     ///< at most
  double tolerance = 1e-6;  ///< ends when the inertia falls by less than this part of it; 0: when no row moves
  std::uint64_t seed = 0;
  kmeans_start start = kmeans_start::plus_plus;
  std::vector<float> centroids{};  ///< begins with these k, one after the other, instead
};

/// What k-means found; all but `cluster` and `destination` the same on every rank.
struct kmeans_result {
  std::vector<int> cluster;          ///< of each local row
  std::vector<int> destination;      ///< the rank each local row shall go to
  std::vector<float> centroids;      ///< k, one after the other: the means of the rows of each cluster
  std::size_t features = 0;          ///< numbers per centroid
  std::vector<std::uint64_t> sizes;  ///< rows of each cluster over all ranks
  double inertia = 0;                ///< the sum of squared distances to the centroids that chose the clusters
  int iterations = 0;
  bool converged = false;

  [[nodiscard]] std::span<float const> centroid(std::size_t c) const {
    return std::span(centroids).subspan(c * features, features);
  }
};

namespace detail {

struct no_watch {
  void operator()(kmeans_result const&) const noexcept {}
};

/// Squared distance in eight lanes: its bits do not depend on where the numbers lie.
inline float squared_distance(float const* a, float const* b, std::size_t n) {
  using lanes = Eigen::Array<float, 8, 1>;
  using map = Eigen::Map<lanes const>;
  lanes sum_of = lanes::Zero();
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) sum_of += (map(a + i) - map(b + i)).square();
  float tail = 0;
  for (; i < n; ++i) tail += (a[i] - b[i]) * (a[i] - b[i]);
  return sum_of.sum() + tail;
}

/// The nearest centroid of each row: argmin |c|² - 2 x·c, the products by Eigen, a block of rows at a time. Blocks are
/// always full (the last one is filled up) and samples are the columns, so what Eigen computes for a row does not
/// depend on its place.
class nearest_centroids {
 public:
  nearest_centroids(std::size_t k, std::size_t columns)
      : k_(k),
        columns_(columns),
        rows_(std::clamp<std::size_t>((std::size_t{1} << 17U) / (columns + 1) / 16 * 16, 32, 1024)),
        centroids_(static_cast<Eigen::Index>((std::max)(k, std::size_t{2})), static_cast<Eigen::Index>(columns)),
        products_(centroids_.rows(), static_cast<Eigen::Index>(rows_)),
        filled_(static_cast<Eigen::Index>(columns), static_cast<Eigen::Index>(rows_)),
        half_norms_(k) {
    centroids_.setZero();
    filled_.setZero();
  }

  void take(std::vector<float> const& centroids) {
    for (std::size_t c = 0; c < k_; ++c) {
      float norm = 0;
      for (std::size_t j = 0; j < columns_; ++j) {
        float const x = centroids[c * columns_ + j];
        centroids_(static_cast<Eigen::Index>(c), static_cast<Eigen::Index>(j)) = x;
        norm += x * x;
      }
      half_norms_[c] = norm / 2;
    }
  }

  /// use(row, cluster, |c|²/2 - x·c) for every row.
  template <class Use>
  void each(std::vector<float const*> const& at, Use use) {
    for (std::size_t first = 0; first < at.size(); first += rows_) {
      std::size_t const n = (std::min)(rows_, at.size() - first);
      multiply(at.data() + first, n);
      for (std::size_t i = 0; i < n; ++i) {
        float const* const of_row = products_.data() + i * static_cast<std::size_t>(products_.rows());
        std::size_t best = 0;
        float least = half_norms_[0] - of_row[0];
        for (std::size_t c = 1; c < k_; ++c) {
          float const here = half_norms_[c] - of_row[c];
          if (here < least) least = here, best = c;
        }
        use(first + i, best, least);
      }
    }
  }

 private:
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;

  void multiply(float const* const* at, std::size_t n) {
    bool together = n == rows_;
    for (std::size_t i = 1; i < n && together; ++i) together = at[i] == at[0] + i * columns_;
    if (together) {
      products_.noalias() = centroids_ * Eigen::Map<matrix const>(at[0], filled_.rows(), filled_.cols());
    } else {
      for (std::size_t i = 0; i < n; ++i) std::copy_n(at[i], columns_, filled_.data() + i * columns_);
      products_.noalias() = centroids_ * filled_;
    }
  }

  std::size_t k_;
  std::size_t columns_;
  std::size_t rows_;  ///< of a block
  matrix centroids_;  ///< one per row; never a single one, for which Eigen takes another way
  matrix products_;
  matrix filled_;
  std::vector<float> half_norms_;
};

}  // namespace detail

// k-means (Lloyd 1982) over rows that stay where they are.
// Why     each rank finds the nearest centroid of its rows; one allreduce of k (d + 1) + 2 whole numbers per step makes
//         the next centroids. Sums are exact on one grid (data/fixed_point.hpp), so they do not depend on who holds
//         which row: the centroids are bit for bit those of one process. Being exact, they are also corrected for the
//         rows that changed their cluster instead of being made anew.
// Cost    per step 2 n d k / P operations and 8 k (d + 1) bytes; the start k passes over the rows (plus_plus).
// Limits  floats; the same processor type on all ranks, or Eigen may round differently. A cluster left without rows
//         keeps its centroid.

/// `kmeans by{{.k = 10, .seed = 1}, &image::pixels}`: what to look at in a row, a range of numbers, floats best (they
/// are not copied). A cut of data by k-means makes shards that know little of each other's part of the world: for
/// locality, or experts, not for plain training.
template <class Features = whole_row>
class kmeans {
 public:
  explicit kmeans(kmeans_options how, Features features = {}) : how_(std::move(how)), features_(std::move(features)) {}

  /// Collective; moves no rows. Rows may lie anywhere: their order over all ranks counts for the seed alone. Throws
  /// config on every rank if there are fewer rows than k, or if a feature is no finite number. After each step `watch`
  /// is called with what is known so far.
  template <transport::streams S, class Rows, class Watch = detail::no_watch>
  [[nodiscard]] kmeans_result fit(basic_communicator<S>& comm, Rows const& rows, Watch watch = {}) const {
    detail::point_table<float> const points("kmeans", rows, features_);
    std::vector<float> norms(points.size()), distance(points.size());
    auto const global = survey(comm, points, norms);
    std::size_t const k = static_cast<std::size_t>(how_.k), d = global.columns;

    kmeans_result found;
    found.features = d;
    found.centroids = how_.centroids.empty() ? first_centroids(comm, points, global) : how_.centroids;
    found.cluster.assign(points.size(), -1);
    found.sizes.resize(k);

    detail::fixed_point const grid(global.largest, global.n);
    double const furthest = 4.0 * static_cast<double>(d) * global.largest * global.largest;
    detail::fixed_point const distances(furthest, global.n);
    detail::nearest_centroids nearest(k, d);
    std::vector<std::uint64_t> mine(k * (d + 1)), total;  // per cluster: sums by column, rows
    for (double before = 0;;) {
      nearest.take(found.centroids);
      std::uint64_t moved = 0, far = 0;
      nearest.each(points.at, [&](std::size_t i, std::size_t c, float least) {
        distance[i] = (std::max)(0.0F, norms[i] + 2 * least);
        far += distances.raw((std::min)(static_cast<double>(distance[i]), furthest));
        if (found.cluster[i] == static_cast<int>(c)) return;
        if (found.cluster[i] >= 0)
          change<-1>(grid, points.at[i], &mine[static_cast<std::size_t>(found.cluster[i]) * (d + 1)], d);
        change<1>(grid, points.at[i], &mine[c * (d + 1)], d);
        found.cluster[i] = static_cast<int>(c);
        ++moved;
      });
      total = mine;
      total.push_back(moved);
      total.push_back(far);
      allreduce(comm, total);
      for (std::size_t c = 0; c < k; ++c) {
        std::uint64_t const* const sums = &total[c * (d + 1)];
        found.sizes[c] = sums[d];
        if (sums[d] == 0) continue;
        for (std::size_t j = 0; j < d; ++j)
          found.centroids[c * d + j] = static_cast<float>(grid.sum(sums[j], sums[d]) / static_cast<double>(sums[d]));
      }
      found.inertia = distances.sum(total[k * (d + 1) + 1], global.n);
      ++found.iterations;
      found.converged =
          total[k * (d + 1)] == 0 || (found.iterations > 1 && before - found.inertia < how_.tolerance * found.inertia);
      before = found.inertia;
      watch(std::as_const(found));
      if (found.converged || found.iterations >= how_.iterations) break;
    }

    double const share = (1 + how_.capacity) * static_cast<double>(global.n) / comm.size();
    auto const most = share < 1e18 ? static_cast<std::uint64_t>(std::ceil(share)) : UINT64_MAX;
    found.destination =
        detail::deal_clusters(comm, detail::pack_clusters(found.sizes, comm.size(), most), found.cluster, distance, k);
    return found;
  }

  /// The destination of each local row: what `repartition` asks for.
  template <transport::streams S, class Rows>
  [[nodiscard]] std::vector<int> assign(basic_communicator<S>& comm, Rows const& rows) const {
    return fit(comm, rows).destination;
  }

 private:
  struct everywhere {
    std::size_t columns;
    double largest;
    std::uint64_t n;
    std::vector<std::uint64_t> first;  ///< of each rank's rows, and n
  };

  /// What must be known of all rows; |x|² of each local one goes to `norms`.
  template <class Comm>
  everywhere survey(Comm& comm, detail::point_table<float> const& points, std::vector<float>& norms) const {
    double facts[3] = {static_cast<double>(points.columns), 0, 0};  // columns, largest, whether a number is none
    std::vector<float> const zero(points.columns);
    for (std::size_t i = 0; i < points.size(); ++i) {
      Eigen::Map<Eigen::ArrayXf const> const x(points.at[i], static_cast<Eigen::Index>(points.columns));
      norms[i] = detail::squared_distance(x.data(), zero.data(), points.columns);
      if (!std::isfinite(norms[i])) facts[2] = 1;
      if (points.columns > 0) facts[1] = (std::max)(facts[1], static_cast<double>(x.abs().maxCoeff()));
    }
    allreduce(comm, facts, tutti::max);
    everywhere all{static_cast<std::size_t>(facts[0]), facts[1], 0, {}};
    std::uint64_t const mine[1] = {points.size()};
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
    allgather(comm, mine, counts);
    for (std::uint64_t n : counts) all.first.push_back(std::exchange(all.n, all.n + n));
    all.first.push_back(all.n);

    auto const refuse = [](std::string const& why) { throw error(error_kind::config, "kmeans: " + why); };
    if (how_.k < 1 || static_cast<std::uint64_t>(how_.k) > all.n)
      refuse(std::to_string(all.n) + " rows do not make " + std::to_string(how_.k) + " clusters");
    if (facts[2] > 0)
      refuse("a row has a feature that is NaN, infinite or too large to be squared; leave such rows out");
    if (!(how_.capacity >= 0)) refuse("the capacity must be zero or more");
    if (!how_.centroids.empty() && how_.centroids.size() != static_cast<std::size_t>(how_.k) * all.columns)
      refuse(std::to_string(how_.centroids.size()) + " numbers given for " + std::to_string(how_.k) + " centroids of " +
             std::to_string(all.columns));
    if (points.size() > 0 && points.columns != all.columns)
      refuse("rows of this rank have " + std::to_string(points.columns) + " features, others " +
             std::to_string(all.columns));
    return all;
  }

  /// Row number `index` of all, on every rank.
  template <class Comm>
  static void fetch(Comm& comm, detail::point_table<float> const& points, everywhere const& global, std::uint64_t index,
                    std::span<float> into) {
    auto const behind = std::upper_bound(global.first.begin(), global.first.end(), index);
    auto const owner = static_cast<std::size_t>(behind - global.first.begin()) - 1;
    if (comm.rank() == static_cast<int>(owner))
      std::copy_n(points.at[static_cast<std::size_t>(index - global.first[owner])], into.size(), into.begin());
    broadcast(comm, into, static_cast<int>(owner));
  }

  /// plus_plus: each next centroid is a row, with probability in proportion to its squared distance D from those
  /// before. Of -log(u) / D with u uniform, hashed from seed, round and row number, the least is such a row: one
  /// minloc.
  template <class Comm>
  std::vector<float> first_centroids(Comm& comm, detail::point_table<float> const& points,
                                     everywhere const& global) const {
    std::size_t const k = static_cast<std::size_t>(how_.k), d = global.columns;
    std::uint64_t const first = global.first[static_cast<std::size_t>(comm.rank())];
    permutation const any(global.n, how_.seed);
    std::vector<float> chosen(k * d);
    std::vector<float> nearest(points.size(), std::numeric_limits<float>::infinity());
    for (std::size_t c = 0; c < k; ++c) {
      std::uint64_t index = any[c];
      if (c > 0 && how_.start == kmeans_start::plus_plus) {
        located<double, std::uint64_t> least{std::numeric_limits<double>::infinity(), UINT64_MAX};
        std::uint64_t const key = detail::mix64(how_.seed * 0x9e3779b97f4a7c15ULL + c);
        for (std::size_t i = 0; i < points.size(); ++i) {
          nearest[i] = (std::min)(nearest[i], detail::squared_distance(points.at[i], chosen.data() + (c - 1) * d, d));
          if (!(nearest[i] > 0)) continue;
          double const u = static_cast<double>((detail::mix64(key + first + i) >> 11U) + 1) * 0x1p-53;
          least = minloc(least, {-std::log(u) / static_cast<double>(nearest[i]), first + i});
        }
        least = allreduce(comm, least, minloc);
        if (least.index != UINT64_MAX) index = least.index;
      }
      fetch(comm, points, global, index, std::span(chosen).subspan(c * d, d));
    }
    return chosen;
  }

  /// Adds a row to the sums of a cluster, or takes it away.
  template <int sign>
  static void change(detail::fixed_point const& grid, float const* x, std::uint64_t* sums, std::size_t d) {
    for (std::size_t j = 0; j < d; ++j) {
      std::uint64_t const raw = grid.raw(static_cast<double>(x[j]));
      sums[j] = sign > 0 ? sums[j] + raw : sums[j] - raw;
    }
    sums[d] += static_cast<std::uint64_t>(sign);
  }

  kmeans_options how_;
  Features features_;
};

}  // namespace tutti::inline TUTTI_ABI
