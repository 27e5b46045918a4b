// SPDX-License-Identifier: BSL-1.0
// From the arguments of a blocking call and a completion token to a started operation: which arguments are kept and
// which are borrowed, what is given back, and who is told.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tutti/collective/arguments.hpp>
#include <tutti/collective/future.hpp>
#include <tutti/core/options.hpp>
#include <tutti/engine/strand.hpp>
#include <tutti/engine/timed_strand.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/group/progress.hpp>
#include <tutti/transport/asio.hpp>

namespace tutti::inline TUTTI_ABI {

/// A completion token with the wish to be able to cancel; see cancel_with().
template <class Token>
struct cancellable {
  std::stop_token stop;
  Token token;
};

namespace detail {

/// The line of the user's that makes a call, taken as the last default argument.
struct line_of_call {
  explicit line_of_call(call_site s) : site(s) {}
  call_site site;
};

// --- arguments

/// An lvalue buffer or object is borrowed, and must live until the call has ended; so is a number that the call writes.
/// Other numbers, options and operations are copied, and every rvalue moves in.
template <class Call, std::size_t I, class A>
inline constexpr bool borrowed = std::is_lvalue_reference_v<A> &&
                                 (buffer<std::remove_reference_t<A>> || I == Call::written ||
                                  (std::is_class_v<std::remove_reference_t<A>> &&
                                   !std::is_const_v<std::remove_reference_t<A>> &&
                                   serialisable<std::remove_cvref_t<A>> &&
                                   !std::same_as<std::remove_cvref_t<A>, options>));
template <class Call, std::size_t I, class A>
using kept = std::conditional_t<borrowed<Call, I, A>, A, std::remove_cvref_t<A>>;

template <class... A>
inline constexpr bool has_options = (std::same_as<std::remove_cvref_t<A>, options> || ...);

template <class Call, class C, class Indices, class... A>
inline constexpr bool called_with = false;
template <class Call, class C, std::size_t... I, class... A>
inline constexpr bool called_with<Call, C, std::index_sequence<I...>, A...> =
    (has_options<A...> && requires(Call call, C& comm, kept<Call, I, A>&... a) { call(comm, a...); }) ||
    (!has_options<A...> &&
     requires(Call call, C& comm, options& how, kept<Call, I, A>&... a) { call(comm, a..., how); });

/// What moved in comes back when the call itself returns nothing.
template <class A>
inline constexpr bool data_of_class = std::is_class_v<A> && (buffer<A> || serialisable<A>)&&!std::same_as<A, options> &&
                                      !std::is_empty_v<A> && !is_view<A>;
template <class Call, std::size_t I, class A>
inline constexpr bool given_back = !std::is_lvalue_reference_v<A> && (I == Call::written || data_of_class<A>);

template <class... Owned>
struct pack_owned {
  using type = std::tuple<Owned...>;
};
template <class One>
struct pack_owned<One> {
  using type = One;
};
template <>
struct pack_owned<> {
  using type = void;
};

template <class Call, std::size_t I, class A>
using owned_tuple = std::conditional_t<given_back<Call, I, A>, std::tuple<A>, std::tuple<>>;
template <class Tuple>
struct owned_of;
template <class... Owned>
struct owned_of<std::tuple<Owned...>> : pack_owned<Owned...> {};

template <class Call, std::size_t I, class A, class Kept>
auto take_back(Kept& k) {
  if constexpr (given_back<Call, I, A>)
    return std::tuple<A>(std::move(k));
  else
    return std::tuple<>();
}

/// A call and its arguments, ready to be made once, by any thread.
template <class Call, class C, class Indices, class... A>
class bound_call;
template <class Call, class C, std::size_t... I, class... A>
class bound_call<Call, C, std::index_sequence<I...>, A...> {
 public:
  bound_call(C& comm, call_site site, A&&... a) : comm_(&comm), arguments_(std::forward<A>(a)...) { how_.where = site; }

  auto operator()() {
    auto const call = [&] {
      if constexpr (has_options<A...>)
        return Call{}(*comm_, std::get<I>(arguments_)...);
      else
        return Call{}(*comm_, std::get<I>(arguments_)..., how_);
    };
    if constexpr (!std::is_void_v<decltype(call())>) {
      return call();
    } else {
      call();
      using result = typename owned_of<decltype(std::tuple_cat(std::declval<owned_tuple<Call, I, A>>()...))>::type;
      if constexpr (!std::is_void_v<result>) {
        auto back = std::tuple_cat(detail::take_back<Call, I, A>(std::get<I>(arguments_))...);
        if constexpr (std::tuple_size_v<decltype(back)> == 1)
          return std::get<0>(std::move(back));
        else
          return back;
      }
    }
  }
  [[nodiscard]] C& communicator() const noexcept { return *comm_; }

 private:
  C* comm_;
  std::tuple<kept<Call, I, A>...> arguments_;
  options how_{};
};

// --- operations

template <class Body>
using result_of = decltype(std::declval<Body&>()());

/// A call that runs, and keeps what came of it.
template <class Body>
class made_call : public outcome<result_of<Body>> {
 public:
  made_call(Body body, std::stop_token const& stop)
      : outcome<result_of<Body>>(body.communicator().engine().seen()), body_(std::move(body)) {
    if (stop.stop_possible()) wish_.emplace(stop, ask{this});
  }
  void run() noexcept override {
    try {
      if constexpr (std::is_void_v<result_of<Body>>)
        body_();
      else
        this->result.emplace(body_());
    } catch (...) {
      this->thrown = std::current_exception();
    }
  }

 private:
  struct ask {
    made_call* of;
    void operator()() const { of->request_stop(); }
  };
  Body body_;
  std::optional<std::stop_callback<ask>> wish_;
};

template <class T>
struct signature {
  using type = void(std::exception_ptr, T);
};
template <>
struct signature<void> {
  using type = void(std::exception_ptr);
};

/// The same for a handler of Asio's kind: called through its executor, else in the loop that drives.
template <class Body, class Handler>
class told_call final : public made_call<Body> {
 public:
  using loop_executor = net::io_context::executor_type;
  using executor = net::associated_executor_t<Handler, loop_executor>;

  told_call(Body body, std::stop_token const& stop, Handler handler, engine::driver const& by)
      : made_call<Body>(std::move(body), stop),
        judge_(body.communicator().engine().judge()),
        handler_(std::move(handler)),
        loop_(by.loop->get_executor()),
        runs_in_(net::get_associated_executor(handler_, loop_)),
        work_(runs_in_),
        ours_(by.see_to_it != nullptr) {
    if constexpr (std::same_as<executor, loop_executor>)
      ours_ = ours_ && runs_in_ == loop_;
    else
      ours_ = false;
  }

  void complete() noexcept override {
    net::post(runs_in_, [handler = std::move(handler_), thrown = this->thrown, result = std::move(this->result),
                         judge = ours_ ? judge_ : nullptr]() mutable {
      if (!judge) return tell(handler, thrown, result);
      try {
        tell(handler, thrown, result);
      } catch (std::exception const& problem) {
        judge->abort(std::string("a completion handler threw: ") + problem.what());
      } catch (...) {
        judge->abort("a completion handler threw something that is no std::exception");
      }
    });
    work_.reset();
  }

 private:
  template <class Result>
  static void tell(Handler& handler, std::exception_ptr& thrown, Result& result) {
    using T = result_of<Body>;
    if constexpr (std::is_void_v<T>) {
      std::move(handler)(std::move(thrown));
    } else {
      static_assert(
          std::default_initializable<T>,
          "tutti: a completion handler gets a default-made result when the call fails: give the type a default "
          "constructor, or use as_future.");
      if (result)
        std::move(handler)(std::exception_ptr(), std::move(*result));
      else
        std::move(handler)(std::move(thrown), T());
    }
  }

  std::shared_ptr<engine::referee> judge_;
  Handler handler_;
  loop_executor loop_;
  executor runs_in_;
  net::executor_work_guard<executor> work_;
  bool ours_;
};

/// What runs the started operations of `comm`.
template <transport::streams S>
[[nodiscard]] auto strand_of(basic_communicator<S>& comm) {
  auto& e = comm.engine();
  if constexpr (transport::timed<S>) {
    if (!e.behind()) e.run_behind(std::make_shared<engine::timed_strand<S>>(e));
    return std::static_pointer_cast<engine::timed_strand<S>>(e.behind());
  } else {
    static_assert(transport::asynchronous<S, net::io_context>,
                  "tutti: this transport has no asynchronous calls (it does not model transport::asynchronous).");
    if (!e.behind())
      e.run_behind(std::make_shared<engine::strand<S>>(
          e, engine::driver{&group::the_progress().loop(), [] { group::the_progress().see_to_it(); }}));
    return std::static_pointer_cast<engine::strand<S>>(e.behind());
  }
}

template <class Token>
inline constexpr bool is_cancellable = false;
template <class Token>
inline constexpr bool is_cancellable<cancellable<Token>> = true;

/// Starts `body` on its communicator and returns what the token says.
template <class Body, class Token>
auto start(Body body, Token&& token, std::stop_token stop = {}) {
  if constexpr (is_cancellable<std::remove_cvref_t<Token>>) {
    return detail::start(std::move(body), std::forward<Token>(token).token, std::forward<Token>(token).stop);
  } else if constexpr (std::same_as<std::remove_cvref_t<Token>, as_future_t>) {
    auto const by = detail::strand_of(body.communicator());
    auto const call = std::make_shared<made_call<Body>>(std::move(body), stop);
    by->start(call);
    return future<result_of<Body>>(call, by);
  } else {
    static_assert(!transport::timed<std::remove_cvref_t<decltype(body.communicator().engine().streams())>>,
                  "tutti: a simulated rank has no event loop; its asynchronous calls return futures (as_future).");
    return net::async_initiate<Token, typename signature<result_of<Body>>::type>(
        [](auto handler, Body b, std::stop_token s) {
          auto const by = detail::strand_of(b.communicator());
          by->start(std::make_shared<told_call<Body, decltype(handler)>>(std::move(b), s, std::move(handler),
                                                                         by->driven_by()));
        },
        token, std::move(body), std::move(stop));
  }
}

/// Starts `Call` with arguments of which the last may be a completion token.
template <class Call, transport::streams S, class... A>
auto start_call(basic_communicator<S>& comm, line_of_call where, A&&... a) {
  using C = basic_communicator<S>;
  using all = std::index_sequence_for<A...>;
  if constexpr (called_with<Call, C, all, A...>) {
    return detail::start(bound_call<Call, C, all, A...>(comm, where.site, std::forward<A>(a)...), as_future);
  } else {
    auto given = std::forward_as_tuple(std::forward<A>(a)...);
    return [&]<std::size_t... I>(std::index_sequence<I...> but_last) {
      using but = decltype(but_last);
      static_assert(called_with<Call, C, but, std::tuple_element_t<I, std::tuple<A...>>...>,
                    "tutti: these are not the arguments of the blocking call of that name, followed by a completion "
                    "token or nothing.");
      return detail::start(bound_call<Call, C, but, std::tuple_element_t<I, std::tuple<A...>>...>(
                               comm, where.site, std::get<I>(std::move(given))...),
                           std::get<sizeof...(A) - 1>(std::move(given)));
    }
    (std::make_index_sequence<sizeof...(A) - 1>{});
  }
}

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
