// SPDX-License-Identifier: BSL-1.0
// send, recv and sendrecv: messages between two ranks, matched by tag.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/engine/messages.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// A buffer that takes the length of what arrives, like std::vector.
template <class R>
concept growing_buffer = element_range<std::remove_cvref_t<R>> && requires(std::remove_cvref_t<R>& r, std::size_t n) {
  r.resize(n);
  r.clear();
};

/// What can be a message: a buffer, one element, or an object.
template <class T>
concept sendable = buffer<T> || element<std::remove_cvref_t<T>> || object<std::remove_cvref_t<T>>;
/// What one can arrive in.
template <class T>
concept receivable = sendable<T> && !std::is_const_v<std::remove_reference_t<T>> && (!buffer<T> || writable_buffer<T>);
template <class T>
concept sent_as_element = !buffer<T> && element<std::remove_cvref_t<T>>;
template <class T>
concept sent_as_object = !buffer<T> && !sent_as_element<T>;

template <transport::streams S>
int checked_peer(basic_communicator<S> const& comm, plan::collective what, int peer) {
  if (peer < 0 || peer >= comm.size())
    detail::refuse(what, "rank " + std::to_string(peer) + " is not between 0 and " + std::to_string(comm.size() - 1));
  return peer;
}
inline int checked_tag(plan::collective what, int tag) {
  if (tag < 0) detail::refuse(what, "the tag " + std::to_string(tag) + " is negative; tags of programs begin at 0");
  return tag;
}

/// One message on its way out; holds the encoded object, if it is one.
template <class T>
class outgoing_message {
 public:
  outgoing_message(T const& data, int to, int tag) {
    m_.peer = to;
    m_.tag = tag;
    if constexpr (sent_as_object<T const>) {
      encoded_ = encode(data);
      describe<std::byte>();
      m_.object = true;
      m_.data = encoded_;
    } else if constexpr (sent_as_element<T const>) {
      describe<T>();
      m_.data = std::as_bytes(std::span<T const>(&data, 1));
    } else {
      describe<element_of<T const>>();
      m_.data = std::as_bytes(detail::elements_of(data));
    }
  }
  [[nodiscard]] engine::outgoing& get() noexcept { return m_; }

 private:
  template <element E>
  void describe() {
    m_.element = element_code<E>();
    m_.element_size = sizeof(E);
  }
  std::vector<std::byte> encoded_;
  engine::outgoing m_;
};

/// One message on its way in, to `data`.
template <class T>
class incoming_message {
 public:
  incoming_message(T& data, int from, int tag) : data_(data) {
    m_.peer = from;
    m_.tag = tag;
    if constexpr (sent_as_object<T>) {
      m_.element = element_code<std::byte>();
      m_.object = true;
      grow_in(encoded_);
    } else if constexpr (sent_as_element<T>) {
      describe<T>();
      m_.into = std::as_writable_bytes(std::span<T>(&data, 1));
    } else {
      describe<element_of<T>>();
      if constexpr (growing_buffer<T>)
        grow_in(data);
      else
        m_.into = std::as_writable_bytes(detail::elements_of(data));
    }
  }
  incoming_message(incoming_message const&) = delete;
  incoming_message& operator=(incoming_message const&) = delete;

  [[nodiscard]] engine::incoming& get() noexcept { return m_; }
  /// Once it has arrived.
  void deliver() {
    if constexpr (sent_as_object<T>) decode(encoded_, data_);
  }

 private:
  template <element E>
  void describe() {
    m_.element = element_code<E>();
    m_.element_size = sizeof(E);
  }
  template <class V>
  void grow_in(V& v) {
    using E = typename V::value_type;
    v.clear();
    m_.owner = &v;
    m_.grow = [](void* owner, std::size_t size) {
      V& grown = *static_cast<V*>(owner);
      grown.resize(size / sizeof(E));
      return std::as_writable_bytes(std::span<E>(grown.data(), grown.size()));
    };
  }
  T& data_;
  std::vector<std::byte> encoded_;
  engine::incoming m_;
};

}  // namespace detail

/// Sends `data` (a buffer, one element, or an object) to rank `to`. Blocks until the transport has taken it, which may
/// be before the receiver asks for it; meanwhile takes in what others send to this rank. Messages of one sender with
/// one tag arrive in order. May be to the rank itself.
template <transport::streams S, detail::sendable T>
void send(basic_communicator<S>& comm, T const& data, int to, int tag = 0, options how = {}) {
  auto const what = plan::message::send;
  detail::outgoing_message<T> message(data, detail::checked_peer(comm, what, to), detail::checked_tag(what, tag));
  comm.messages().run(what, {&message.get(), 1}, {}, how);
}
template <transport::streams S, detail::sendable T>
void send(basic_communicator<S>& comm, T const& data, int to, options how) {
  tutti::TUTTI_ABI::send(comm, data, to, 0, how);
}

/// Receives the oldest message of rank `from` with that tag into `data`. A std::vector, or an object, takes whatever
/// size has come; any other buffer must have the sender's length. Blocks until it is here.
template <transport::streams S, detail::receivable T>
void recv(basic_communicator<S>& comm, T&& data, int from, int tag = 0, options how = {}) {
  auto const what = plan::message::recv;
  detail::incoming_message<std::remove_reference_t<T>> message(data, detail::checked_peer(comm, what, from),
                                                               detail::checked_tag(what, tag));
  comm.messages().run(what, {}, {&message.get(), 1}, how);
  message.deliver();
}
template <transport::streams S, detail::receivable T>
void recv(basic_communicator<S>& comm, T&& data, int from, options how) {
  tutti::TUTTI_ABI::recv(comm, data, from, 0, how);
}
/// The same, returned: recv<std::vector<float>>(comm, 3).
template <class T, transport::streams S>
requires detail::sendable<T> && std::default_initializable<T>
[[nodiscard]] T recv(basic_communicator<S>& comm, int from, int tag = 0, options how = {}) {
  T data{};
  tutti::TUTTI_ABI::recv(comm, data, from, tag, how);
  return data;
}

/// send and recv at once: neither waits for the other, so any number of ranks may pass messages around in a circle.
template <transport::streams S, detail::sendable T, detail::receivable U>
void sendrecv(basic_communicator<S>& comm, T const& out, int to, U&& in, int from, int tag = 0, options how = {}) {
  auto const what = plan::message::sendrecv;
  detail::outgoing_message<T> sent(out, detail::checked_peer(comm, what, to), detail::checked_tag(what, tag));
  detail::incoming_message<std::remove_reference_t<U>> got(in, detail::checked_peer(comm, what, from), tag);
  comm.messages().run(what, {&sent.get(), 1}, {&got.get(), 1}, how);
  got.deliver();
}
template <transport::streams S, detail::sendable T, detail::receivable U>
void sendrecv(basic_communicator<S>& comm, T const& out, int to, U&& in, int from, options how) {
  tutti::TUTTI_ABI::sendrecv(comm, out, to, in, from, 0, how);
}

}  // namespace tutti::inline TUTTI_ABI
