// SPDX-License-Identifier: BSL-1.0
// The asynchronous form of every call: async_allreduce and so on. A header of its own, since most programs need none.
//
// `async_<call>` takes the arguments of the blocking call and then, if given, a completion token: `as_future` (the
// default: a tutti::future), a function `void(std::exception_ptr, result)`, or any token of Asio's, whose headers you
// include after this one: use_future, use_awaitable, deferred.
//
// Issue order is execution order within a communicator; a blocking call comes after all that was started before it.
// lvalue buffers and objects, and numbers that the call writes, are borrowed until it has ended; rvalues move in, and
// come back as the result of a call that has none of its own (several as a tuple). What the blocking call throws, the
// token gets, even arguments that do not fit. One thread at a time issues calls on a communicator. docs/async.md has
// the rest.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <tutti/tutti.hpp>

#include <tutti/collective/start.hpp>

namespace tutti::inline TUTTI_ABI {

// One line for each call, with the place of an argument that it writes even if that is a number. The overloads differ
// in the number of arguments only, and take them as the blocking call does; `{.timeout = 5s}` is an options. The last
// parameter is the line of the call and never given.
namespace detail {
inline constexpr std::size_t none = ~std::size_t{0};
}
#define TUTTI_ASYNC(name, argument)                                                                                    \
  namespace detail {                                                                                                   \
  struct name##_call {                                                                                                 \
    static constexpr std::size_t written = argument;                                                                   \
    template <class C, class... A>                                                                                     \
    auto operator()(C& comm, A&&... a) const -> decltype(tutti::TUTTI_ABI::name(comm, std::forward<A>(a)...)) {        \
      return tutti::TUTTI_ABI::name(comm, std::forward<A>(a)...);                                                      \
    }                                                                                                                  \
  };                                                                                                                   \
  }                                                                                                                    \
  template <transport::streams S>                                                                                      \
  auto async_##name(basic_communicator<S>& comm, TUTTI_ASYNC_LINE) {                                                   \
    return detail::start_call<detail::name##_call>(comm, where);                                                       \
  }                                                                                                                    \
  template <transport::streams S, class A = options>                                                                   \
  auto async_##name(basic_communicator<S>& comm, A&& a, TUTTI_ASYNC_LINE) {                                            \
    return detail::start_call<detail::name##_call, S, A>(comm, where, std::forward<A>(a));                             \
  }                                                                                                                    \
  template <transport::streams S, class A, class B = options>                                                          \
  auto async_##name(basic_communicator<S>& comm, A&& a, B&& b, TUTTI_ASYNC_LINE) {                                     \
    return detail::start_call<detail::name##_call, S, A, B>(comm, where, std::forward<A>(a), std::forward<B>(b));      \
  }                                                                                                                    \
  template <transport::streams S, class A, class B = options, class C = options>                                       \
  auto async_##name(basic_communicator<S>& comm, A&& a, B&& b, C&& c, TUTTI_ASYNC_LINE) {                              \
    return detail::start_call<detail::name##_call, S, A, B, C>(comm, where, std::forward<A>(a), std::forward<B>(b),    \
                                                               std::forward<C>(c));                                    \
  }                                                                                                                    \
  template <transport::streams S, class A, class B, class C = options, class D = options>                              \
  auto async_##name(basic_communicator<S>& comm, A&& a, B&& b, C&& c, D&& d, TUTTI_ASYNC_LINE) {                       \
    return detail::start_call<detail::name##_call, S, A, B, C, D>(comm, where, std::forward<A>(a), std::forward<B>(b), \
                                                                  std::forward<C>(c), std::forward<D>(d));             \
  }                                                                                                                    \
  template <transport::streams S, class A, class B, class C, class D = options, class E = options>                     \
  auto async_##name(basic_communicator<S>& comm, A&& a, B&& b, C&& c, D&& d, E&& e, TUTTI_ASYNC_LINE) {                \
    return detail::start_call<detail::name##_call, S, A, B, C, D, E>(comm, where, std::forward<A>(a),                  \
                                                                     std::forward<B>(b), std::forward<C>(c),           \
                                                                     std::forward<D>(d), std::forward<E>(e));          \
  }                                                                                                                    \
  static_assert(true)
#define TUTTI_ASYNC_LINE detail::line_of_call where = detail::line_of_call(call_site::here())

TUTTI_ASYNC(allgather, none);
TUTTI_ASYNC(allreduce, none);
TUTTI_ASYNC(alltoall, none);
TUTTI_ASYNC(barrier, none);
TUTTI_ASYNC(broadcast, 0);
TUTTI_ASYNC(exscan, none);
TUTTI_ASYNC(gather, none);
TUTTI_ASYNC(neighbour_exchange, none);
TUTTI_ASYNC(recv, 0);
TUTTI_ASYNC(reduce, none);
TUTTI_ASYNC(reduce_scatter, none);
TUTTI_ASYNC(scan, none);
TUTTI_ASYNC(scatter, none);
TUTTI_ASYNC(send, none);
TUTTI_ASYNC(sendrecv, 2);
TUTTI_ASYNC(shift, none);

#undef TUTTI_ASYNC_LINE
#undef TUTTI_ASYNC

namespace detail {

template <class C, class Function>
class bound_function {
 public:
  bound_function(C& comm, Function f) : comm_(&comm), function_(std::move(f)) {}
  auto operator()() { return std::invoke(function_, *comm_); }
  [[nodiscard]] C& communicator() const noexcept { return *comm_; }

 private:
  C* comm_;
  Function function_;
};

}  // namespace detail

/// `function(comm)`, several blocking calls on `comm` for instance, as one started operation with what it returns. It
/// must wait in calls on `comm` only: elsewhere it would hold up everyone whom the same thread drives.
template <transport::streams S, class Function, class Token = as_future_t>
requires std::invocable < Function&, basic_communicator<S>
& > auto async_run(basic_communicator<S>& comm, Function function, Token&& token = {}) {
  return detail::start(detail::bound_function<basic_communicator<S>, Function>(comm, std::move(function)),
                       std::forward<Token>(token));
}

/// A token that ends the call when `stop` is requested, as future::cancel does: before the call has begun it alone
/// fails, afterwards the communicator is revoked on every rank, with `cancelled`.
template <class Token = as_future_t>
[[nodiscard]] cancellable<std::remove_cvref_t<Token>> cancel_with(std::stop_token stop, Token&& token = {}) {
  return {std::move(stop), std::forward<Token>(token)};
}

/// While it lives, `io` drives the operations started on a communicator, in whatever threads run it, and the library
/// adds none. The end of it brings what is under way to its end. `io` must outlive it.
template <transport::streams S>
class [[nodiscard]] drive_with {
 public:
  drive_with(basic_communicator<S>& comm, net::io_context& io)
      : strand_(detail::strand_of(comm)), before_(strand_->driven_by()) {
    strand_->drive_by({&io, nullptr});
  }
  drive_with(drive_with const&) = delete;
  drive_with& operator=(drive_with const&) = delete;
  ~drive_with() { strand_->drive_by(before_); }

 private:
  std::shared_ptr<engine::strand<S>> strand_;
  engine::driver before_;
};

}  // namespace tutti::inline TUTTI_ABI
