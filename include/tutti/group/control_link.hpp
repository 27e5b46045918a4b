// SPDX-License-Identifier: BSL-1.0
// One control connection: frames out without waiting, frames in by callback, one word when it ends.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/group/control_frame.hpp>
#include <tutti/transport/asio.hpp>
#include <tutti/transport/socket.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// A program that this one starts shall not hold our connections open.
inline void keep_from_children(transport::native_socket s) noexcept {
#if !defined(_WIN32)
  (void)::fcntl(s, F_SETFD, FD_CLOEXEC);
#else
  (void)s;
#endif
}

/// Used by the thread that runs its io_context only. The callbacks may send and close, but not replace themselves.
template <class Use = on_use>
class basic_control_link : public std::enable_shared_from_this<basic_control_link<Use>> {
  using control_frame = basic_control_frame<Use>;

 public:
  explicit basic_control_link(net::ip::tcp::socket connected) : socket_(std::move(connected)) {
    net_error ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(net::ip::tcp::no_delay(true), ignored);
    keep_from_children(socket_.native_handle());
  }

  std::function<void(control_frame const&)> on_frame;
  std::function<void()> on_end;  ///< once; not after close()

  void start() { read(); }
  /// Written now if the socket takes it (it does, unless the peer is stopped for long), else as soon as it will.
  void send(control_frame const& f) { send_raw(f.encode()); }
  [[nodiscard]] bool open() const { return open_; }
  /// Frames that the socket did not take yet.
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
  [[nodiscard]] net::ip::tcp::endpoint remote() const {
    net_error ignored;
    return socket_.remote_endpoint(ignored);
  }
  [[nodiscard]] net::ip::tcp::endpoint local() const {
    net_error ignored;
    return socket_.local_endpoint(ignored);
  }
  /// No more frames from here; the peer sees the end after the last one.
  void finish() {
    net_error ignored;
    socket_.shutdown(net::ip::tcp::socket::shutdown_send, ignored);
  }
  void close() {
    open_ = false;
    net_error ignored;
    socket_.close(ignored);
  }

 private:
  static constexpr std::size_t most_waiting = 4096;

  void send_raw(typename control_frame::wire const& w) {
    if (!open_ || queue_.size() >= most_waiting) return;
    std::size_t done = 0;
    if (queue_.empty()) {
      net_error problem;
      done = socket_.write_some(net::buffer(w.data(), w.size()), problem);
      if (problem && problem != net::error::would_block) return;  // the read that is under way reports the end
      if (done == w.size()) return;
    }
    queue_.push_back(std::make_unique<typename control_frame::wire>(w));
    if (queue_.size() == 1) write(done);
  }
  void write(std::size_t from) {
    net::async_write(socket_, net::buffer(queue_.front()->data() + from, queue_.front()->size() - from),
                     [self = this->shared_from_this()](net_error problem, std::size_t) {
                       if (problem || !self->open_) return;
                       self->queue_.erase(self->queue_.begin());
                       if (!self->queue_.empty()) self->write(0);
                     });
  }
  void read() {
    net::async_read(socket_, net::buffer(in_.data(), in_.size()),
                    [self = this->shared_from_this()](net_error problem, std::size_t) {
                      if (!self->open_) return;
                      control_frame frame;
                      if (problem || !control_frame::decode(self->in_, frame)) {
                        self->close();
                        if (self->on_end) self->on_end();
                        return;
                      }
                      self->read();  // armed before the frame is used: an exception thrown below costs one frame, not
                                     // the connection
                      if (self->on_frame) self->on_frame(frame);
                    });
  }

  net::ip::tcp::socket socket_;
  typename control_frame::wire in_{};
  std::vector<std::unique_ptr<typename control_frame::wire>> queue_;  // of what is being written nothing may move
  bool open_ = true;
};
using control_link = basic_control_link<>;

}  // namespace tutti::inline TUTTI_ABI::group
