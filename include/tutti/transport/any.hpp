// SPDX-License-Identifier: BSL-1.0
// One of the compiled-in transports, chosen at the join: what `tutti::communicator` runs on.
#pragma once

#include <memory>
#include <utility>

#include <tutti/core/on_use.hpp>
#include <tutti/transport/local.hpp>
#include <tutti/transport/tcp.hpp>

namespace tutti::inline TUTTI_ABI::transport {

template <class Use = on_use>
class basic_any {
  using tcp = basic_tcp<Use>;
  using local = basic_local<Use>;

 public:
  basic_any(tcp chosen) : tcp_(std::make_unique<tcp>(std::move(chosen))) {}
  basic_any(local chosen) : local_(std::make_unique<local>(std::move(chosen))) {}

  [[nodiscard]] int rank() const noexcept { return tcp_ ? tcp_->rank() : local_->rank(); }
  [[nodiscard]] int size() const noexcept { return tcp_ ? tcp_->size() : local_->size(); }
  moved write_some(int peer, const_bytes head, const_bytes body) {
    return tcp_ ? tcp_->write_some(peer, head, body) : local_->write_some(peer, head, body);
  }
  moved read_some(int peer, bytes head, bytes body) {
    return tcp_ ? tcp_->read_some(peer, head, body) : local_->read_some(peer, head, body);
  }
  void wait(std::span<interest const> wanted, clock::time_point until) {
    return tcp_ ? tcp_->wait(wanted, until) : local_->wait(wanted, until);
  }
  void wake() noexcept { return tcp_ ? tcp_->wake() : local_->wake(); }
  clock::time_point async_wait(net::io_context& io, std::span<interest const> wanted, clock::time_point until,
                               std::shared_ptr<listener> const& whom) {
    return tcp_ ? tcp_->async_wait(io, wanted, until, whom) : local_->async_wait(io, wanted, until, whom);
  }
  void stop_waiting(bool for_good) noexcept {
    return tcp_ ? tcp_->stop_waiting(for_good) : local_->stop_waiting(for_good);
  }
  void close() noexcept { return tcp_ ? tcp_->close() : local_->close(); }

 private:
  std::unique_ptr<tcp> tcp_;  // one of the two
  std::unique_ptr<local> local_;
};
using any = basic_any<>;

}  // namespace tutti::inline TUTTI_ABI::transport
