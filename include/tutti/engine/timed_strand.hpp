// SPDX-License-Identifier: BSL-1.0
// Started operations on a clock that only ranks move on: no other thread is there to drive them, so they go on whenever
// their rank computes, waits, or starts another. That is what a thread beside the rank's would do, to within the
// transport's grain of time.
#pragma once

#include <memory>
#include <span>
#include <utility>

#include <tutti/core/version.hpp>
#include <tutti/engine/started.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

template <transport::timed T>
class timed_strand final : public started_queue<T>, public transport::listener {
 public:
  explicit timed_strand(engine<T>& of) : started_queue<T>(of) {}

  /// Appends an operation and begins it, if none is under way. Throws `revoked` if the communicator has ended.
  void start(std::shared_ptr<started> one) {
    this->append(std::move(one));
    ready();
  }
  void finish(started const& one) override {
    this->check_outside();
    take_over(&one);
  }
  void finish() override {
    if (!this->fiber_.inside()) take_over(nullptr);
  }
  void close() noexcept override {
    finish();
    this->closed_ = true;
  }
  /// The rank computes or waits: what can go on does.
  void ready() noexcept override {
    if (!busy() || this->taken_over_ || this->fiber_.inside()) return;
    this->fiber_.resume();
    attend();
  }
  void ring() noexcept override {}  // seen at the next turn

  bool suspend(T&, std::span<transport::interest const>, clock::time_point) override {
    if (!this->fiber_.inside()) return false;
    if (this->stops()) return true;
    if (this->taken_over_) return false;
    this->fiber_.pause();
    return true;
  }

 private:
  [[nodiscard]] bool busy() const noexcept { return this->current_ != nullptr || !this->queue_.empty(); }
  void take_over(started const* one) {
    this->taken_over_ = true;
    this->target_ = one;
    while (busy() && !(one != nullptr && one->done())) this->fiber_.resume();
    this->taken_over_ = false;
    this->target_ = nullptr;
    attend();
  }
  void attend() {
    if (busy() == attending_) return;
    attending_ = !attending_;
    this->engine_.streams().attend(*this, attending_);
  }

  bool attending_ = false;
};

}  // namespace tutti::inline TUTTI_ABI::engine
