// SPDX-License-Identifier: BSL-1.0
// Rows are read on a thread of their own while the caller computes with those before them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/sampler.hpp>
#include <tutti/data/source.hpp>
#include <tutti/group/threads.hpp>

namespace tutti::inline TUTTI_ABI {

/// What `prefetch` returns: an input range, to be walked once, whose elements are made on a background thread, at most
/// `ahead` of them before they are asked for. What reading throws is thrown where that element would come. Its end
/// stops the thread, after the read it is in.
template <class Item>
class prefetched {
 public:
  class iterator {
   public:
    using value_type = Item;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator() = default;
    explicit iterator(prefetched& from) : from_(&from) {}
    [[nodiscard]] Item& operator*() const noexcept { return *from_->current_; }
    [[nodiscard]] Item* operator->() const noexcept { return &*from_->current_; }
    iterator& operator++() {
      from_->take();
      return *this;
    }
    void operator++(int) { ++*this; }
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept { return !from_->current_; }

   private:
    prefetched* from_ = nullptr;
  };

  /// `make()` gives the next element, or nothing at the end; it is called on the background thread.
  template <class Make>
  prefetched(int ahead, Make make) {
    if (ahead < 1) throw error(error_kind::config, "prefetch: at least 1 is read ahead, not " + std::to_string(ahead));
    ahead_ = static_cast<std::size_t>(ahead);
    thread_ = group::start_thread([this, next = std::move(make)]() mutable { fill(next); });
  }
  prefetched(prefetched const&) = delete;
  prefetched& operator=(prefetched const&) = delete;
  ~prefetched() {
    {
      std::lock_guard const lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  [[nodiscard]] iterator begin() {
    take();
    return iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  template <class Make>
  void fill(Make& make) noexcept {
    try {
      for (;;) {
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [this] { return stop_ || ready_.size() < ahead_; });
          if (stop_) return;
        }
        std::optional<Item> item = make();
        std::lock_guard const lock(mutex_);
        ended_ = !item;
        if (item) ready_.push_back(*std::move(item));
        changed_.notify_all();
        if (ended_) return;
      }
    } catch (...) {
      std::lock_guard const lock(mutex_);
      problem_ = std::current_exception();
      ended_ = true;
      changed_.notify_all();
    }
  }
  void take() {
    std::unique_lock lock(mutex_);
    current_.reset();
    changed_.wait(lock, [this] { return ended_ || !ready_.empty(); });
    if (!ready_.empty()) {
      current_.emplace(std::move(ready_.front()));
      ready_.pop_front();
      changed_.notify_all();
    } else if (problem_) {
      std::rethrow_exception(problem_);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> ready_;
  std::exception_ptr problem_;
  std::size_t ahead_ = 1;
  bool ended_ = false;
  bool stop_ = false;
  std::optional<Item> current_;
  std::thread thread_;
};

/// The rows of one piece after another, up to `ahead` pieces before they are asked for. A piece is an `item_range`, or
/// any range of row numbers; `pieces` is copied or moved in, as the source is.
///
///     for (auto const& rows : tutti::prefetch(std::move(source), synced_steps(world, mine, 32), 2)) …
template <source S, class Pieces>
[[nodiscard]] prefetched<std::vector<typename S::value_type>> prefetch(S from, Pieces pieces, int ahead) {
  using rows = std::vector<typename S::value_type>;
  struct reader {
    S from;
    Pieces pieces;
    decltype(pieces.begin()) at;
    reader(S&& source, Pieces&& all) : from(std::move(source)), pieces(std::move(all)), at(pieces.begin()) {}
  };
  return {ahead, [mine = std::make_unique<reader>(std::move(from), std::move(pieces))]() -> std::optional<rows> {
            if (mine->at == mine->pieces.end()) return std::nullopt;
            auto const& piece = *mine->at;
            std::optional<rows> read = tutti::TUTTI_ABI::rows_at(mine->from, piece);
            ++mine->at;
            return read;
          }};
}

/// A batch of a sampler, with the rows of the slots that this rank computes: rows[i] are those of batch.slots()[i].
template <class T>
struct loaded_batch {
  sample_batch batch;
  std::vector<std::vector<T>> rows;
  sampler_state next;  ///< where a sampler stands behind this batch
};

/// The batches of `order.epochs(last).on(comm)` with their rows. `order` is copied: what is handed out, not what is
/// read ahead, is what has been done, so save `next` of the last batch, and resume from it.
///
///     for (auto const& [batch, rows, next] : tutti::prefetch(std::move(source), sampler, 10, world, 2)) …
template <source S, ranked C>
[[nodiscard]] prefetched<loaded_batch<typename S::value_type>> prefetch(S from, sampler const& order,
                                                                        std::uint64_t last, C const& comm, int ahead) {
  using loaded = loaded_batch<typename S::value_type>;
  struct reader {
    S from;
    sampler order;
    epoch_batches batches;
    bool begun = false;
    epoch_batches::iterator at{};
    reader(S&& source, sampler const& s, std::uint64_t epochs, C const& c)
        : from(std::move(source)), order(s), batches(order.epochs(epochs).on(c)) {}
  };
  return {ahead, [mine = std::make_unique<reader>(std::move(from), order, last, comm)]() -> std::optional<loaded> {
            if (std::exchange(mine->begun, true))
              ++mine->at;
            else
              mine->at = mine->batches.begin();
            if (mine->at == mine->batches.end()) return std::nullopt;
            loaded read{*mine->at, {}, mine->order.state()};
            for (auto const slot : read.batch.slots()) read.rows.push_back(tutti::TUTTI_ABI::rows_at(mine->from, slot));
            return read;
          }};
}

}  // namespace tutti::inline TUTTI_ABI
