// SPDX-License-Identifier: BSL-1.0
// The bench's Gloo: `bench_gloo --np 4 --control SOCKET --shared FILE --store DIRECTORY`. A variant is an algorithm:
// "best" is what Gloo's functions choose, "bcube" the other choice of its allreduce, and the others its older classes,
// which know their buffers beforehand and receive on the calling thread ("sync": busy polling while ranks fit cores).

#include <gloo/allgather.h>
#include <gloo/allgather_ring.h>
#include <gloo/allreduce.h>
#include <gloo/allreduce_bcube.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/allreduce_ring.h>
#include <gloo/allreduce_ring_chunked.h>
#include <gloo/alltoall.h>
#include <gloo/barrier.h>
#include <gloo/barrier_all_to_all.h>
#include <gloo/barrier_all_to_one.h>
#include <gloo/broadcast.h>
#include <gloo/broadcast_one_to_all.h>
#include <gloo/gather.h>
#include <gloo/math.h>
#include <gloo/reduce.h>
#include <gloo/reduce_scatter.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/rendezvous/prefix_store.h>
#include <gloo/scatter.h>
#include <gloo/transport/tcp/device.h>

#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "forked.hpp"

namespace {

using context = std::shared_ptr<gloo::rendezvous::Context>;

class gloo_library {
 public:
  static constexpr bool checked = true;

  gloo_library(int rank, int size, std::string const& directory)
      : plain_(connect(rank, size, directory, "plain")), sync_(connect(rank, size, directory, "sync")) {
    bool const busy = size <= static_cast<int>(std::thread::hardware_concurrency());
    for (int r = 0; r < size; ++r)
      if (r != rank) sync_->getPair(r)->setSync(true, busy);
  }
  [[nodiscard]] int rank() const { return plain_->rank; }
  [[nodiscard]] int size() const { return plain_->size; }
  void barrier() {
    gloo::BarrierOptions how(plain_);
    gloo::barrier(how);
  }

  template <class T>
  std::function<void()> prepare(bench::job<T> const& j) {
    if (j.variant != "best" && j.variant != "bcube") return classic(j);
    auto const c = plain_;
    auto const n = static_cast<std::size_t>(j.count);
    auto const add = static_cast<void (*)(void*, void const*, void const*, std::size_t)>(&gloo::sum<T>);
    T* const in = j.in.data();
    T* const out = j.out.data();
    bool const at_root = rank() == bench::root;
    switch (j.what) {
      case bench::call::allreduce:
        return [=, bcube = j.variant == "bcube"] {
          gloo::AllreduceOptions how(c);
          how.setOutput(out, n);
          how.setReduceFunction(add);
          how.setAlgorithm(bcube ? gloo::AllreduceOptions::Algorithm::BCUBE : gloo::AllreduceOptions::Algorithm::RING);
          gloo::allreduce(how);
        };
      case bench::call::broadcast:
        return [=] {
          gloo::BroadcastOptions how(c);
          how.setOutput(out, n);
          how.setRoot(bench::root);
          gloo::broadcast(how);
        };
      case bench::call::reduce:
        return [=] {
          gloo::ReduceOptions how(c);
          how.setOutput(out, n);
          how.setReduceFunction(add);
          how.setRoot(bench::root);
          gloo::reduce(how);
        };
      case bench::call::scatter:
        return [=, p = static_cast<std::size_t>(size())] {
          gloo::ScatterOptions how(c);
          std::vector<T*> blocks(at_root ? p : 0);
          for (std::size_t r = 0; r < blocks.size(); ++r) blocks[r] = in + r * n;
          if (at_root) how.setInputs(blocks, n);
          how.setOutput(out, n);
          how.setRoot(bench::root);
          gloo::scatter(how);
        };
      case bench::call::gather:
        return [=, all = j.out.size()] {
          gloo::GatherOptions how(c);
          how.setInput(in, n);
          if (at_root) how.setOutput(out, all);
          how.setRoot(bench::root);
          gloo::gather(how);
        };
      case bench::call::allgather:
        return [=, all = j.out.size()] {
          gloo::AllgatherOptions how(c);
          how.setInput(in, n);
          how.setOutput(out, all);
          gloo::allgather(how);
        };
      case bench::call::alltoall:
        return [=, all = j.out.size()] {
          gloo::AlltoallOptions how(c);
          how.setInput(in, all);
          how.setOutput(out, all);
          gloo::alltoall(how);
        };
      case bench::call::barrier:
        return [this] { barrier(); };
      case bench::call::reduce_scatter:
        break;
    }
    throw std::invalid_argument("Gloo's functions have no " + std::string(bench::call_names[static_cast<int>(j.what)]));
  }

 private:
  template <class T>
  std::function<void()> classic(bench::job<T> const& j) {
    auto const run = [](std::shared_ptr<gloo::Algorithm> a) { return [a = std::move(a)] { a->run(); }; };
    std::vector<T*> const buffer{j.out.data()};
    int const n = static_cast<int>(j.count);
    switch (j.what) {
      case bench::call::allreduce:
        if (j.variant == "ring") return run(std::make_shared<gloo::AllreduceRing<T>>(sync_, buffer, n));
        if (j.variant == "ring_chunked") return run(std::make_shared<gloo::AllreduceRingChunked<T>>(sync_, buffer, n));
        if (j.variant == "halving") return run(std::make_shared<gloo::AllreduceHalvingDoubling<T>>(sync_, buffer, n));
        break;
      case bench::call::broadcast:
        return run(std::make_shared<gloo::BroadcastOneToAll<T>>(sync_, buffer, n, bench::root));
      case bench::call::allgather:
        return run(
            std::make_shared<gloo::AllgatherRing<T>>(sync_, std::vector<T const*>{j.in.data()}, j.out.data(), n));
      case bench::call::reduce_scatter: {  // in place in what it is given: the result is at its front
        std::vector<int> const counts(static_cast<std::size_t>(size()), n);
        auto const a = std::make_shared<gloo::ReduceScatterHalvingDoubling<T>>(sync_, std::vector<T*>{j.in.data()},
                                                                               static_cast<int>(j.in.size()), counts);
        return [=] {
          a->run();
          std::memcpy(j.out.data(), j.in.data(), j.out.size_bytes());
        };
      }
      case bench::call::barrier:
        if (j.variant == "all_to_all") return run(std::make_shared<gloo::BarrierAllToAll>(sync_));
        if (j.variant == "all_to_one") return run(std::make_shared<gloo::BarrierAllToOne>(sync_));
        break;
      default:
        break;
    }
    throw std::invalid_argument("Gloo has no such algorithm: " + std::string(j.variant));
  }

  static context connect(int rank, int size, std::string const& directory, char const* name) {
    gloo::transport::tcp::attr where;
    where.hostname = "127.0.0.1";
    auto device = gloo::transport::tcp::CreateDevice(where);
    gloo::rendezvous::FileStore store(directory);
    gloo::rendezvous::PrefixStore mine(name, store);
    auto made = std::make_shared<gloo::rendezvous::Context>(rank, size);
    made->connectFullMesh(mine, device);
    return made;
  }

  context plain_, sync_;
};

}  // namespace

int main(int argc, char** argv) {
  return bench::forked(argc, argv, [&](int rank, int size) {
    gloo_library lib(rank, size, bench::option(argc, argv, "--store"));
    bench::serve(lib, argc, argv);
  });
}
