// SPDX-License-Identifier: BSL-1.0
// The floor under a call: the bytes it must move between a root and the others, or between two ranks, over bare sockets
// and nothing else: no header, no fold, no check. `bench_raw --np 4 --control SOCKET --shared FILE`; a variant is a
// style of socket.

#include <functional>
#include <thread>
#include <vector>

#include "forked.hpp"
#include "sockets.hpp"

namespace {

/// One socket between the root and every other rank.
struct wires {
  bench::style how;
  std::vector<int> to;  // at the root by rank, elsewhere the one to the root
};

class raw_library {
 public:
  static constexpr bool checked = false;
  raw_library(int rank, int size, std::vector<wires> w) : rank_(rank), size_(size), wires_(std::move(w)) {}
  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  void barrier() {}  // the harness aligns the ranks itself

  template <class T>
  std::function<void()> prepare(bench::job<T> const& j) {
    wires const* chosen = nullptr;
    for (wires const& w : wires_)
      if (w.how.name == j.variant) chosen = &w;
    if (chosen == nullptr) throw std::invalid_argument("no such style");
    auto const n = (std::max)(j.count * sizeof(T), std::size_t{1});  // a barrier is one byte
    auto const flows = static_cast<std::size_t>(rank_ == bench::root ? size_ - 1 : 1);
    bool down = true, up = true;  // from the root, to the root
    switch (j.what) {
      case bench::call::broadcast:
      case bench::call::scatter:
        up = false;
        break;
      case bench::call::reduce:
      case bench::call::gather:
        down = false;
        break;
      default:
        if (size_ > 2) throw std::invalid_argument("no floor is known");
    }
    bool const sends = rank_ == bench::root ? down : up, receives = rank_ == bench::root ? up : down;
    return [=, this, out = std::vector<char>(n), in = std::vector<char>(n), sent = std::vector<std::size_t>(flows),
            received = std::vector<std::size_t>(flows)]() mutable {
      sent.assign(flows, sends ? 0 : n);
      received.assign(flows, receives ? 0 : n);
      for (bool done = false; !done;) {
        done = true;
        bool any = false;
        for (std::size_t i = 0; i < flows; ++i) {
          int const s = chosen->to[i];
          any |= some(sent[i], n, chosen->how.write, [&](std::size_t at, std::size_t size) {
            return ::send(s, &out[at], size, MSG_DONTWAIT | MSG_NOSIGNAL);
          });
          any |= some(received[i], n, chosen->how.read,
                      [&](std::size_t at, std::size_t size) { return ::recv(s, &in[at], size, MSG_DONTWAIT); });
          done = done && sent[i] == n && received[i] == n;
        }
        if (!any && !done && crowded_) std::this_thread::yield();
      }
    };
  }

 private:
  template <class Call>
  static bool some(std::size_t& done, std::size_t all, std::size_t most, Call call) {
    if (done == all) return false;
    auto const n = bench::moved(call(done, (std::min)(most, all - done)), "a bare socket");
    done += n;
    return n > 0;
  }

  int rank_, size_;
  bool crowded_ = size_ > static_cast<int>(std::thread::hardware_concurrency());
  std::vector<wires> wires_;
};

}  // namespace

int main(int argc, char** argv) {
  int const size = std::stoi(bench::option(argc, argv, "--np"));
  std::vector<wires> at_root, elsewhere;
  for (auto const& how : bench::styles) {
    at_root.push_back({how, {}});
    elsewhere.push_back({how, {}});
    for (int r = 1; r < size; ++r) {
      auto const [a, b] = bench::connect_pair(how);
      at_root.back().to.push_back(a);
      elsewhere.back().to.push_back(b);
    }
  }
  return bench::forked(argc, argv, [&](int rank, int) {
    std::vector<wires> mine = rank == bench::root ? at_root : elsewhere;
    if (rank != bench::root)
      for (wires& w : mine) w.to = {w.to[static_cast<std::size_t>(rank - 1)]};
    raw_library lib(rank, size, std::move(mine));
    bench::serve(lib, argc, argv);
  });
}
