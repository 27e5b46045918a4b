// SPDX-License-Identifier: BSL-1.0
// gather_shards: every rank's own part of a model goes to all others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/shard/flat_view.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// Bytes from which a message of its own costs less than two copies.
inline constexpr std::size_t large_tensor = std::size_t{64} << 10U;

/// Calls f(tensor of m, its cut in `view`) for every tensor; throws config, and names `who`, if m is not that layer.
template <class M, class F>
void for_each_cut(char const* who, flat_view const& view, int layer, M& m, F&& f) {
  std::size_t const end = view.first_of(layer + 1);
  std::size_t at = view.first_of(layer);
  auto const refuse = [&](std::string const& found) {
    throw error(error_kind::config, std::string(who) + ": this model has " + found +
                                        " where the one that was cut has " +
                                        (at < end ? "tensor '" + view.tensors()[at].what.name + "' of " +
                                                        std::to_string(view.tensors()[at].size) + " numbers"
                                                  : "no more"));
  };
  for_each_tensor(m, [&]<class T>(tensor<T> const& t) {
    if (at == end || view.tensors()[at].size != t.data.size() ||
        view.tensors()[at].what.element != element_code<std::remove_cv_t<T>>())
      refuse("'" + std::string(t.name) + "' of " + std::to_string(t.data.size()) + " numbers");
    f(t, view.tensors()[at++]);
  });
  if (at != end) refuse("no more tensors");
}

}  // namespace detail

/// Every rank holds its part of `m` in its place; now every rank holds all of it. Tensors that are everywhere stay as
/// they are. `m` is `layer` of what was cut into `view`, over the ranks of `comm`. Throws config, before anything is
/// sent, if it is not. Collective. Sends each part once; large tensors straight from and to where they are, small ones,
/// and those cut across their rows, together in one message.
template <transport::streams S, class M>
void gather_shards(basic_communicator<S>& comm, flat_view const& view, M& m, int layer = 0, options how = {}) {
  if (view.ranks() != comm.size())
    throw error(error_kind::config, "gather_shards: the model was cut among " + std::to_string(view.ranks()) +
                                        " ranks, this communicator has " + std::to_string(comm.size()));
  auto const p = static_cast<std::size_t>(comm.size());
  auto const me = static_cast<std::size_t>(comm.rank());
  auto const bytes_of = [](cut_tensor const& c, std::size_t q) {
    return static_cast<std::uint64_t>(c.count(static_cast<int>(q)) * c.element_size());
  };
  auto const large = [](cut_tensor const& c) {
    return !c.everywhere() && c.extent * c.inner == c.size && c.size * c.element_size() >= detail::large_tensor;
  };
  std::vector<std::uint64_t> counts(p);  // of the small ones
  std::vector<std::size_t> begins(p + 1);
  detail::for_each_cut("gather_shards", view, layer, m, [&](auto const&, cut_tensor const& c) {
    if (c.everywhere() || large(c)) return;
    for (std::size_t q = 0; q < p; ++q) counts[q] += bytes_of(c, q);
  });
  if (p == 1) return;
  for (std::size_t q = 0; q < p; ++q) begins[q + 1] = begins[q] + static_cast<std::size_t>(counts[q]);
  engine::operation op = detail::operation_on<std::byte>(plan::collective::allgather, -1);
  auto const run = [&](std::span<std::uint64_t const> lengths, std::size_t begin, bytes all) {
    op.count = all.size();
    detail::run_allgather(comm, op, lengths, all.subspan(begin, static_cast<std::size_t>(lengths[me])), all, 0);
  };
  std::vector<std::uint64_t> lengths(p);
  detail::for_each_cut("gather_shards", view, layer, m, [&](auto const& t, cut_tensor const& c) {
    if (!large(c)) return;
    for (std::size_t q = 0; q < p; ++q) lengths[q] = bytes_of(c, q);
    op.count = t.data.size_bytes();
    comm.engine().call_once(
        op, how, [&] { run(lengths, c.cuts[me] * c.inner * c.element_size(), std::as_writable_bytes(t.data)); });
  });
  if (begins[p] == 0) return;
  op.count = begins[p];
  comm.engine().call_once(op, how, [&] {
    bytes const row = comm.engine().spare(begins[p]);
    auto at = begins;
    auto const copy = [&](auto const& t, cut_tensor const& c, std::size_t q, bool in) {
      c.for_each_run(static_cast<int>(q), [&](std::size_t first, std::size_t last) {
        bytes const part = std::as_writable_bytes(t.data.subspan(first, last - first));
        std::memcpy(in ? row.data() + at[q] : part.data(), in ? part.data() : row.data() + at[q], part.size());
        at[q] += part.size();
      });
    };
    detail::for_each_cut("gather_shards", view, layer, m, [&](auto const& t, cut_tensor const& c) {
      if (!c.everywhere() && !large(c)) copy(t, c, me, true);
    });
    run(counts, begins[me], row);
    detail::for_each_cut("gather_shards", view, layer, m, [&](auto const& t, cut_tensor const& c) {
      for (std::size_t q = 0; q < p; ++q)
        if (q != me && !c.everywhere() && !large(c)) copy(t, c, q, false);
    });
  });
}

}  // namespace tutti::inline TUTTI_ABI
