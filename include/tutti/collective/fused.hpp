// SPDX-License-Identifier: BSL-1.0
// fused: several calls as one. Takes small buffers of one kind, packs them, and sends one message where there were
// many.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/arguments.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// A buffer that lives on after the call that was given it: an lvalue, or a view.
template <class R>
concept borrowed_buffer = writable_buffer<R> &&
    (std::is_lvalue_reference_v<R> || std::is_trivially_destructible_v<std::remove_cvref_t<R>>);

template <class Op>
inline constexpr Op stateless{};

}  // namespace detail

/// Collects calls; run() makes them, in as few messages as there are kinds: collective, root, element, and operation.
/// Buffers above 32 KiB travel by themselves, uncopied. Results are those of the single calls, bit for bit. Buffers
/// must live until run() and must not overlap. All ranks add the same calls. Without run(), nothing is sent.
template <transport::streams S>
class fused {
 public:
  explicit fused(basic_communicator<S>& comm, options how = {}) : comm_(comm), how_(how) {}
  fused(fused const&) = delete;
  fused& operator=(fused const&) = delete;

  template <detail::borrowed_buffer R, reduction<detail::element_of<R>> Op = sum_op>
  void allreduce(R&& inout, Op combine = {}) {
    add(plan::collective::allreduce, -1, detail::elements_of(inout), hold(std::move(combine)));
  }
  template <class M, class Op = sum_op>
  requires model_argument<M, Op>
  void allreduce(M& inout, Op combine = {}) {
    auto const op = hold(std::move(combine));
    for_each_tensor(inout, [&](auto const& t) { add(plan::collective::allreduce, -1, t.data, op); });
  }
  template <detail::borrowed_buffer R, reduction<detail::element_of<R>> Op = sum_op>
  void reduce(R&& inout, Op combine = {}, int root = 0) {
    detail::checked_root(comm_, plan::collective::reduce, root);
    add(plan::collective::reduce, root, detail::elements_of(inout), hold(std::move(combine)));
  }
  template <class M, class Op = sum_op>
  requires model_argument<M, Op>
  void reduce(M& inout, Op combine = {}, int root = 0) {
    detail::checked_root(comm_, plan::collective::reduce, root);
    auto const op = hold(std::move(combine));
    for_each_tensor(inout, [&](auto const& t) { add(plan::collective::reduce, root, t.data, op); });
  }
  template <detail::borrowed_buffer R>
  void broadcast(R&& inout, int root = 0) {
    detail::checked_root(comm_, plan::collective::broadcast, root);
    engine::operation op = detail::operation_on<std::byte>(plan::collective::broadcast, root);
    pieces_.push_back({op, std::as_writable_bytes(detail::elements_of(inout)), {}});
  }

  /// Makes the calls and forgets them. Blocks until all results are here. Throws what the first that failed throws.
  void run() {
    auto const pieces = std::exchange(pieces_, {});
    std::vector<char> done(pieces.size(), 0);
    std::vector<std::size_t> together;
    for (std::size_t first = 0; first < pieces.size(); ++first) {
      if (done[first] != 0) continue;
      together.assign(1, first);
      std::size_t total = pieces[first].data.size();
      for (std::size_t i = first + 1; i < pieces.size() && total <= most_packed; ++i) {
        bool const small = pieces[i].data.size() <= most_copied && pieces[first].data.size() <= most_copied;
        if (done[i] != 0 || !small || !alike(pieces[first].op, pieces[i].op)) continue;
        together.push_back(i);
        total += pieces[i].data.size();
      }
      for (std::size_t i : together) done[i] = 1;
      make(pieces, together, total);
    }
  }

 private:
  struct piece {
    engine::operation op;
    bytes data;
    std::shared_ptr<void const> combine;  // keeps an operation with state
  };
  template <class Op>
  struct held {
    Op const* combine;
    std::shared_ptr<void const> owner;
  };
  static constexpr std::size_t most_copied = std::size_t{32} << 10U;
  static constexpr std::size_t most_packed = std::size_t{1} << 20U;

  template <class Op>
  static held<Op> hold(Op combine) {
    if constexpr (std::is_empty_v<Op> && std::is_default_constructible_v<Op>) {
      return {&detail::stateless<Op>, nullptr};
    } else {
      auto kept = std::make_shared<Op const>(std::move(combine));
      return {kept.get(), kept};
    }
  }
  template <element T, class Op>
  void add(plan::collective what, int root, std::span<T> data, held<Op> const& op) {
    pieces_.push_back({detail::reduction_on<T>(what, root, *op.combine), std::as_writable_bytes(data), op.owner});
  }
  static bool alike(engine::operation const& a, engine::operation const& b) {
    return a.what == b.what && a.root == b.root && a.element == b.element && a.element_size == b.element_size &&
           a.op == b.op && a.fold.apply == b.fold.apply && a.fold.op == b.fold.op && a.fold.narrow == b.fold.narrow;
  }
  void make(std::vector<piece> const& pieces, std::vector<std::size_t> const& together, std::size_t total) {
    engine::operation op = pieces[together[0]].op;
    op.count = total / op.element_size;
    options how = how_;
    how.root = op.root;
    comm_.engine().call_once(op, how, [&] {
      if (together.size() == 1) {
        op.output = pieces[together[0]].data;
        comm_.engine().run(op, 0);
        return;
      }
      bytes const packed = comm_.engine().spare(total);
      bool const arrives =
          op.what == plan::collective::allreduce || (comm_.rank() == op.root) == (op.what == plan::collective::reduce);
      auto at = packed.begin();
      for (std::size_t i : together) at = std::copy(pieces[i].data.begin(), pieces[i].data.end(), at);
      op.output = packed;
      comm_.engine().run(op, 0);
      at = packed.begin();
      for (std::size_t i : together) {
        auto const next = at + static_cast<std::ptrdiff_t>(pieces[i].data.size());
        if (arrives) std::copy(at, next, pieces[i].data.begin());
        at = next;
      }
    });
  }

  basic_communicator<S>& comm_;
  options how_;
  std::vector<piece> pieces_;
};
template <class S>
fused(basic_communicator<S>&) -> fused<S>;
template <class S>
fused(basic_communicator<S>&, options) -> fused<S>;

}  // namespace tutti::inline TUTTI_ABI
