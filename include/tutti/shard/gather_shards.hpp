// SPDX-License-Identifier: BSL-1.0
// gather_shards: every rank's own part of a model goes to all others, as one message train.
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
/// sent, if it is not. Collective. The bytes sent are those of the parts, once, and nothing else.
template <transport::streams S, class M>
void gather_shards(basic_communicator<S>& comm, flat_view const& view, M& m, int layer = 0, options how = {}) {
  if (view.ranks() != comm.size())
    throw error(error_kind::config, "gather_shards: the model was cut among " + std::to_string(view.ranks()) +
                                        " ranks, this communicator has " + std::to_string(comm.size()));
  auto const p = static_cast<std::size_t>(comm.size());
  std::vector<std::uint64_t> counts(p);
  detail::for_each_cut("gather_shards", view, layer, m, [&](auto const&, cut_tensor const& c) {
    for (std::size_t q = 0; q < p && !c.everywhere(); ++q) counts[q] += c.count(static_cast<int>(q)) * c.element_size();
  });
  std::vector<std::size_t> begins(p);  // of the ranks' parts in the row of all
  std::size_t total = 0;
  for (std::size_t q = 0; q < p; ++q) {
    begins[q] = total;
    total += static_cast<std::size_t>(counts[q]);
  }
  if (comm.size() == 1 || total == 0) return;
  engine::operation op = detail::operation_on<std::byte>(plan::collective::allgather, -1);
  op.count = total;
  comm.engine().call_once(op, how, [&] {
    bytes const row = comm.engine().spare(total);
    auto const me = static_cast<std::size_t>(comm.rank());
    std::size_t at = begins[me];
    detail::for_each_cut("gather_shards", view, layer, m, [&](auto const& t, cut_tensor const& c) {
      if (c.everywhere()) return;
      auto const from = std::as_bytes(t.data);
      c.for_each_run(comm.rank(), [&](std::size_t first, std::size_t last) {
        std::size_t const n = (last - first) * c.element_size();
        std::memcpy(row.data() + at, from.data() + first * c.element_size(), n);
        at += n;
      });
    });
    detail::run_allgather(comm, op, counts, row.subspan(begins[me], static_cast<std::size_t>(counts[me])), row, 0);
    detail::for_each_cut("gather_shards", view, layer, m, [&](auto const& t, cut_tensor const& c) {
      if (c.everywhere()) return;
      auto const to = std::as_writable_bytes(t.data);
      for (std::size_t q = 0; q < p; ++q) {
        if (q == me) continue;
        c.for_each_run(static_cast<int>(q), [&](std::size_t first, std::size_t last) {
          std::size_t const n = (last - first) * c.element_size();
          std::memcpy(to.data() + first * c.element_size(), row.data() + begins[q], n);
          begins[q] += n;
        });
      }
    });
  });
}

}  // namespace tutti::inline TUTTI_ABI
