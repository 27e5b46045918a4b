// SPDX-License-Identifier: BSL-1.0
// Opt-in: clusters of any shape by density, over all ranks, with nanoflann for the neighbours; and a way to cut data by
// them.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <tutti/data.hpp>
#include <tutti/data/disjoint_sets.hpp>
#include <tutti/data/features.hpp>
#include <tutti/data/kd_regions.hpp>
#include <tutti/data/pack_clusters.hpp>
#include <tutti/data/repartition.hpp>

#include <nanoflann.hpp>

namespace tutti::inline TUTTI_ABI {

/// Where rows go that belong to no cluster: to the ranks with least, nowhere else than they are, or nowhere at all.
enum class noise_to : std::uint8_t { spread, own, drop };

struct dbscan_options {
  double eps = 1;      ///< rows no further apart than this are neighbours
  int min_points = 5;  ///< a row with so many neighbours, itself among them, is the core of a cluster
  noise_to noise = noise_to::spread;
};

/// What dbscan found. Clusters are numbered by their first core row, rows being counted over all ranks.
struct dbscan_result {
  std::vector<int> cluster;          ///< of each local row; -1: noise
  std::vector<char> core;            ///< whether each local row is the core of a cluster
  std::vector<int> destination;      ///< the rank each local row shall go to; -1: it was dropped
  std::vector<std::uint64_t> sizes;  ///< rows of each cluster over all ranks
  std::uint64_t noise_rows = 0;      ///< over all ranks
  std::uint64_t rows_received = 0;   ///< by this rank, from others, on the way: its region's, and what borders on it
};

namespace detail {

/// The points of one region and those near it, as nanoflann reads them.
class point_cloud {
 public:
  std::vector<double> numbers;     ///< of all points, one after the other
  std::vector<std::uint64_t> ids;  ///< rows counted over all ranks

  explicit point_cloud(std::size_t columns) : columns_(columns) {}
  [[nodiscard]] std::size_t size() const noexcept { return ids.size(); }
  [[nodiscard]] double const* at(std::size_t i) const { return &numbers[i * columns_]; }
  /// Points as they travel: their numbers, then their id in the bits of one more.
  void add(std::vector<double> const& wire) {
    for (std::size_t i = 0; i + columns_ < wire.size(); i += columns_ + 1) {
      auto const first = wire.begin() + static_cast<std::ptrdiff_t>(i);
      numbers.insert(numbers.end(), first, first + static_cast<std::ptrdiff_t>(columns_));
      ids.push_back(std::bit_cast<std::uint64_t>(wire[i + columns_]));
    }
  }
  static void put(std::vector<double>& wire, double const* x, std::size_t columns, std::uint64_t id) {
    wire.insert(wire.end(), x, x + columns);
    wire.push_back(std::bit_cast<double>(id));
  }

  [[nodiscard]] std::size_t kdtree_get_point_count() const { return size(); }
  [[nodiscard]] double kdtree_get_pt(std::size_t i, std::size_t j) const { return numbers[i * columns_ + j]; }
  template <class Box>
  bool kdtree_get_bbox(Box&) const {
    return false;
  }

 private:
  std::size_t columns_;
};

/// Calls use(i, squared distance) for every point within a radius; ends when it returns false.
template <class Use>
struct neighbour_visitor {
  using DistanceType = double;
  using IndexType = std::size_t;
  double beyond;  ///< the least squared distance that is too far
  Use& use;
  bool addPoint(double distance, std::size_t i) { return distance < beyond ? use(i, distance) : true; }
  [[nodiscard]] double worstDist() const { return beyond; }
  [[nodiscard]] bool full() const { return true; }
  [[nodiscard]] bool empty() const { return false; }
  [[nodiscard]] std::size_t size() const { return 0; }
  void sort() {}
};

}  // namespace detail

// DBSCAN (Ester, Kriegel, Sander & Xu 1996) over rows that lie anywhere.
// Why     each rank gets one box of space with n / P points (data/kd_regions.hpp) and what lies within eps of it, so
//         it sees all neighbours of its points: it finds their cores alone, and joins cores that are neighbours.
// Trace   points -> boxes; points near boxes -> their neighbours; cores' flags follow; sets of joined cores take the
//         lowest id in them, ranks tell one another the ids of shared cores until none falls; answers -> where rows
//         are.
// Cost    n / P nearest-neighbour queries, twice; (d + 1) 8 bytes per point that moves; one exchange of labels per
//         border that a cluster crosses on its way.
// Limits  points of few dimensions (a kd-tree searches them); eps small beside a box: what lies within eps of a box
//         is held twice. The table of clusters is on every rank.
// A row that is no core but a neighbour of some belongs to the nearest one's cluster (the first of equally near ones),
// so the result does not depend on the number of ranks or on who holds what; the original leaves that open.

/// `dbscan by{{.eps = 0.3, .min_points = 5}, &shop::place}`: what to look at in a row, a range of numbers.
template <class Features = whole_row>
class dbscan {
 public:
  explicit dbscan(dbscan_options how, Features features = {}) : how_(how), features_(std::move(features)) {}

  /// Collective; rows stay, their points travel. Throws config on every rank if a feature is no finite number.
  template <transport::streams S, class Rows>
  [[nodiscard]] dbscan_result fit(basic_communicator<S>& comm, Rows const& rows) const {
    detail::point_table<double> const points("dbscan", rows, features_);
    std::size_t const d = check(comm, points), p = static_cast<std::size_t>(comm.size());
    auto const me = static_cast<std::size_t>(comm.rank());
    dbscan_result found;
    if (d == 0) return found;  // there is no row anywhere

    // Points to their regions; `sent` remembers which went where, for the way back.
    std::vector<int> const region = detail::kd_regions(comm, points, d);
    std::uint64_t const elsewhere = exscan(comm, std::uint64_t{points.size()});
    std::uint64_t const before = comm.rank() == 0 ? 0 : elsewhere;
    std::vector<std::vector<std::size_t>> sent(p);
    for (std::size_t i = 0; i < points.size(); ++i) sent[static_cast<std::size_t>(region[i])].push_back(i);
    detail::point_cloud cloud(d);
    std::vector<std::uint64_t> from(p);
    {
      ragged<double> out;
      for (std::size_t r = 0; r < p; ++r) {
        std::vector<double> wire;
        for (std::size_t const i : sent[r]) detail::point_cloud::put(wire, points.at[i], d, before + i);
        out.push_back(wire);
      }
      auto const in = alltoall(comm, out);
      cloud.add(in.values);
      for (std::size_t r = 0; r < p; ++r) from[r] = in.counts[r] / (d + 1);
      found.rows_received = cloud.size() - from[me];
    }
    std::size_t const own = cloud.size();

    auto const near = neighbours_of_boxes(comm, cloud, own, d);  // my points, by the rank they are near to
    std::vector<std::uint64_t> shared(p);                        // points of each rank that are near to mine
    {
      ragged<double> out;
      for (auto const& list : near) {
        std::vector<double> wire;
        for (std::size_t const i : list) detail::point_cloud::put(wire, cloud.at(i), d, cloud.ids[i]);
        out.push_back(wire);
      }
      auto const in = alltoall(comm, out);
      cloud.add(in.values);
      for (std::size_t r = 0; r < p; ++r) shared[r] = in.counts[r] / (d + 1);
      found.rows_received += cloud.size() - own;
    }

    auto const label = labels(comm, cloud, own, d, near);
    answer(comm, found, label, from, sent, points.size());
    return found;
  }

  /// The local rows for each rank, dropped ones left out: what `repartition` asks for.
  template <transport::streams S, class Rows>
  [[nodiscard]] picks assign(basic_communicator<S>& comm, Rows const& rows) const {
    auto const to = fit(comm, rows).destination;
    std::vector<std::vector<std::uint64_t>> of_rank(static_cast<std::size_t>(comm.size()));
    for (std::size_t i = 0; i < to.size(); ++i)
      if (to[i] >= 0) of_rank[static_cast<std::size_t>(to[i])].push_back(i);
    picks all;
    for (auto const& rows_of : of_rank) all.push_back(rows_of);
    return all;
  }

 private:
  using index = nanoflann::KDTreeSingleIndexAdaptor<
      nanoflann::L2_Simple_Adaptor<double, detail::point_cloud, double, std::size_t>, detail::point_cloud, -1,
      std::size_t>;
  static constexpr std::uint64_t none = UINT64_MAX;

  template <class Comm>
  std::size_t check(Comm& comm, detail::point_table<double> const& points) const {
    double facts[2] = {static_cast<double>(points.columns), 0};
    for (double const* x : points.at)
      for (std::size_t j = 0; j < points.columns; ++j)
        if (!std::isfinite(x[j])) facts[1] = 1;
    allreduce(comm, facts, tutti::max);
    auto const refuse = [](std::string const& why) { throw error(error_kind::config, "dbscan: " + why); };
    auto const columns = static_cast<std::size_t>(facts[0]);
    if (facts[1] > 0) refuse("a feature is NaN or infinite; leave such rows out");
    if (!(how_.eps > 0) || how_.min_points < 1) refuse("eps must be more than 0 and min_points at least 1");
    if (points.size() > 0 && (points.columns != columns || columns == 0))
      refuse("rows of this rank have " + std::to_string(points.columns) + " features, others " +
             std::to_string(columns));
    return columns;
  }

  /// For each other rank, this rank's points within eps of the box around its points.
  template <class Comm>
  std::vector<std::vector<std::size_t>> neighbours_of_boxes(Comm& comm, detail::point_cloud const& cloud,
                                                            std::size_t own, std::size_t d) const {
    std::vector<double> box(2 * d, std::numeric_limits<double>::infinity());  // low, then -high
    for (std::size_t i = 0; i < own; ++i)
      for (std::size_t j = 0; j < d; ++j) {
        box[j] = (std::min)(box[j], cloud.at(i)[j]);
        box[d + j] = (std::min)(box[d + j], -cloud.at(i)[j]);
      }
    std::vector<double> boxes(box.size() * static_cast<std::size_t>(comm.size()));
    allgather(comm, box, boxes);
    double const reach = how_.eps * how_.eps * (1 + 1e-9);  // rather one too many than one that rounding loses
    std::vector<std::vector<std::size_t>> near(static_cast<std::size_t>(comm.size()));
    for (std::size_t r = 0; r < near.size(); ++r) {
      if (r == static_cast<std::size_t>(comm.rank())) continue;
      double const* const low = &boxes[r * 2 * d];
      for (std::size_t i = 0; i < own && low[0] <= -low[d]; ++i) {
        double far = 0;
        for (std::size_t j = 0; j < d && far <= reach; ++j) {
          double const x = cloud.at(i)[j];
          double const off = x < low[j] ? low[j] - x : x > -low[d + j] ? x + low[d + j] : 0;
          far += off * off;
        }
        if (far <= reach) near[r].push_back(i);
      }
    }
    return near;
  }

  template <class Use>
  void visit(index const& tree, detail::point_cloud const& cloud, std::size_t i, Use use) const {
    detail::neighbour_visitor<Use> visitor{std::nextafter(how_.eps * how_.eps, std::numeric_limits<double>::infinity()),
                                           use};
    tree.findNeighbors(visitor, cloud.at(i), {});
  }

  struct labelled {
    std::vector<std::uint64_t> of;  ///< each own point: the lowest id of a core of its cluster, or none
    std::vector<char> core;
  };

  template <class Comm>
  labelled labels(Comm& comm, detail::point_cloud const& cloud, std::size_t own, std::size_t d,
                  std::vector<std::vector<std::size_t>> const& near) const {
    index tree(static_cast<int>(d), cloud, nanoflann::KDTreeSingleIndexAdaptorParams(12));
    if (cloud.size() > 0) tree.buildIndex();
    // What the owners of the points near to mine know of them, in the order in which they came.
    auto const told = [&]<class T>(std::vector<T> const& of_own) {
      ragged<T> out;
      for (auto const& list : near) {
        std::vector<T> values;
        for (std::size_t const i : list) values.push_back(of_own[i]);
        out.push_back(values);
      }
      return alltoall(comm, out).values;
    };

    std::vector<char> core(own);
    for (std::size_t i = 0; i < own; ++i) {
      int seen = 0;
      visit(tree, cloud, i, [&](std::size_t, double) { return ++seen < how_.min_points; });
      core[i] = seen >= how_.min_points ? 1 : 0;
    }
    auto const others = told(core);
    core.insert(core.end(), others.begin(), others.end());

    detail::disjoint_sets sets(cloud.size());
    std::vector<std::size_t> nearest_core(own, SIZE_MAX);
    for (std::size_t i = 0; i < own; ++i) {
      double least = std::numeric_limits<double>::infinity();
      visit(tree, cloud, i, [&](std::size_t j, double distance) {
        if (core[j] == 0) return true;
        if (core[i] != 0) {
          sets.join(i, j);
        } else if (distance < least || (distance == least && cloud.ids[j] < cloud.ids[nearest_core[i]])) {
          least = distance;
          nearest_core[i] = j;
        }
        return true;
      });
    }

    std::vector<std::uint64_t> label(cloud.size(), none);  // by root
    for (std::size_t i = 0; i < cloud.size(); ++i)
      if (core[i] != 0) label[sets.root(i)] = (std::min)(label[sets.root(i)], cloud.ids[i]);
    std::vector<std::uint64_t> of_own(own, none);
    for (int fell = 1; fell != 0;) {
      for (std::size_t i = 0; i < own; ++i)
        if (core[i] != 0) of_own[i] = label[sets.root(i)];
      auto const heard = told(of_own);
      fell = 0;
      for (std::size_t j = 0; j < heard.size(); ++j) {
        auto& mine = label[sets.root(own + j)];
        if (heard[j] < mine) mine = heard[j], fell = 1;
      }
      fell = allreduce(comm, fell, tutti::max);
    }
    for (std::size_t i = 0; i < own; ++i)
      if (core[i] == 0 && nearest_core[i] != SIZE_MAX) of_own[i] = label[sets.root(nearest_core[i])];
    core.resize(own);
    return {std::move(of_own), std::move(core)};
  }

  /// Numbers the clusters, packs them, and tells every row's rank.
  template <class Comm>
  void answer(Comm& comm, dbscan_result& found, labelled const& label, std::vector<std::uint64_t> const& from,
              std::vector<std::vector<std::size_t>> const& sent, std::size_t rows) const {
    struct tally {
      std::uint64_t label, count;
    };
    auto const merged = [](std::vector<tally> all) {
      std::sort(all.begin(), all.end(), [](tally const& a, tally const& b) { return a.label < b.label; });
      std::vector<tally> once;
      for (tally const& t : all) {
        if (once.empty() || once.back().label != t.label) once.push_back({t.label, 0});
        once.back().count += t.count;
      }
      return once;
    };
    std::vector<tally> mine;
    for (std::uint64_t const l : label.of)
      if (l != none) mine.push_back({l, 1});
    auto const clusters = merged(allgather(comm, merged(std::move(mine))).values);
    for (tally const& t : clusters) found.sizes.push_back(t.count);

    ragged<std::int64_t> back;  // cluster and core of each point, to where it came from
    back.counts = from;
    for (std::size_t i = 0; i < label.of.size(); ++i) {
      auto const at = std::lower_bound(clusters.begin(), clusters.end(), label.of[i],
                                       [](tally const& t, std::uint64_t l) { return t.label < l; });
      back.values.push_back(label.of[i] == none ? -1 : 2 * (at - clusters.begin()) + label.core[i]);
    }
    auto const told = alltoall(comm, back);
    found.cluster.resize(rows);
    found.core.resize(rows);
    std::size_t next = 0;
    for (auto const& list : sent)
      for (std::size_t const i : list) {
        std::int64_t const said = told.values[next++];
        found.cluster[i] = said < 0 ? -1 : static_cast<int>(said / 2);
        found.core[i] = static_cast<char>(said >= 0 ? said % 2 : 0);
      }
    deal(comm, found);
  }

  template <class Comm>
  void deal(Comm& comm, dbscan_result& found) const {
    std::vector<int> rank_of(found.sizes.size());
    std::vector<std::uint64_t> load(static_cast<std::size_t>(comm.size()));
    for (auto const& q : detail::pack_clusters(found.sizes, comm.size())) {
      rank_of[q.cluster] = q.rank;
      load[static_cast<std::size_t>(q.rank)] += q.count;
    }
    auto const noisy = static_cast<std::uint64_t>(std::count(found.cluster.begin(), found.cluster.end(), -1));
    std::vector<std::uint64_t> counts(load.size());
    allgather(comm, std::vector<std::uint64_t>{noisy}, counts);
    std::uint64_t at = 0;  // noise rows of lower ranks, then those dealt
    for (std::size_t r = 0; r < counts.size(); ++r) {
      found.noise_rows += counts[r];
      if (r < static_cast<std::size_t>(comm.rank())) at += counts[r];
    }
    auto const ends = levelled(load, found.noise_rows);
    for (int const c : found.cluster) {
      int to = c >= 0 ? rank_of[static_cast<std::size_t>(c)] : how_.noise == noise_to::own ? comm.rank() : -1;
      if (c < 0 && how_.noise == noise_to::spread)
        to = static_cast<int>(std::upper_bound(ends.begin(), ends.end(), at++) - ends.begin());
      found.destination.push_back(to);
    }
  }

  /// Deals `more` to the emptiest until all is level: rank r gets those numbered from ends[r - 1] to ends[r].
  static std::vector<std::uint64_t> levelled(std::vector<std::uint64_t> const& load, std::uint64_t more) {
    auto sorted = load;
    std::sort(sorted.begin(), sorted.end());
    std::uint64_t ranks = 1, filled = 0;  // the emptiest `ranks` are level at sorted[ranks - 1] after `filled`
    while (ranks < sorted.size() && filled + ranks * (sorted[ranks] - sorted[ranks - 1]) <= more) {
      filled += ranks * (sorted[ranks] - sorted[ranks - 1]);
      ++ranks;
    }
    std::uint64_t const level = sorted[ranks - 1] + (more - filled) / ranks;
    std::uint64_t over = (more - filled) % ranks, end = 0;
    std::vector<std::uint64_t> ends;
    for (std::uint64_t const l : load) {
      if (l <= sorted[ranks - 1]) {
        end += level - l + (over > 0 ? 1 : 0);
        over -= over > 0 ? 1 : 0;
      }
      ends.push_back(end);
    }
    return ends;
  }

  dbscan_options how_;
  Features features_;
};

}  // namespace tutti::inline TUTTI_ABI
