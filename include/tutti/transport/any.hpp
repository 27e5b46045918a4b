// SPDX-License-Identifier: BSL-1.0
// One of the compiled-in transports, chosen at the join: what `tutti::communicator` runs on.
#pragma once

#include <utility>
#include <variant>

#include <tutti/core/on_use.hpp>
#include <tutti/transport/local.hpp>
#include <tutti/transport/tcp.hpp>

namespace tutti::inline TUTTI_ABI::transport {

template <class Use = on_use>
class basic_any {
  using tcp = basic_tcp<Use>;
  using local = basic_local<Use>;

 public:
  basic_any(tcp chosen) : chosen_(std::move(chosen)) {}
  basic_any(local chosen) : chosen_(std::move(chosen)) {}

  [[nodiscard]] int rank() const noexcept {
    return std::holds_alternative<tcp>(chosen_) ? std::get_if<tcp>(&chosen_)->rank()
                                                : std::get_if<local>(&chosen_)->rank();
  }
  [[nodiscard]] int size() const noexcept {
    return std::holds_alternative<tcp>(chosen_) ? std::get_if<tcp>(&chosen_)->size()
                                                : std::get_if<local>(&chosen_)->size();
  }
  moved write_some(int peer, const_bytes head, const_bytes body) {
    if (tcp* t = std::get_if<tcp>(&chosen_)) return t->write_some(peer, head, body);
    return std::get_if<local>(&chosen_)->write_some(peer, head, body);
  }
  moved read_some(int peer, bytes head, bytes body) {
    if (tcp* t = std::get_if<tcp>(&chosen_)) return t->read_some(peer, head, body);
    return std::get_if<local>(&chosen_)->read_some(peer, head, body);
  }
  void wait(std::span<interest const> wanted, clock::time_point until) {
    if (tcp* t = std::get_if<tcp>(&chosen_)) return t->wait(wanted, until);
    std::get_if<local>(&chosen_)->wait(wanted, until);
  }
  void wake() noexcept {
    if (tcp* t = std::get_if<tcp>(&chosen_)) return t->wake();
    std::get_if<local>(&chosen_)->wake();
  }
  clock::time_point async_wait(net::io_context& io, std::span<interest const> wanted, clock::time_point until,
                               std::shared_ptr<listener> const& whom) {
    if (tcp* t = std::get_if<tcp>(&chosen_)) return t->async_wait(io, wanted, until, whom);
    return std::get_if<local>(&chosen_)->async_wait(io, wanted, until, whom);
  }
  void stop_waiting(bool for_good) noexcept {
    if (tcp* t = std::get_if<tcp>(&chosen_)) return t->stop_waiting(for_good);
    std::get_if<local>(&chosen_)->stop_waiting(for_good);
  }
  void close() noexcept {
    if (tcp* t = std::get_if<tcp>(&chosen_)) return t->close();
    std::get_if<local>(&chosen_)->close();
  }

 private:
  std::variant<tcp, local> chosen_;
};
using any = basic_any<>;

}  // namespace tutti::inline TUTTI_ABI::transport
