// SPDX-License-Identifier: BSL-1.0
// Asynchronous calls: started now, under way while this thread computes, awaited as a future, a handler or
// (docs/async.md) a coroutine. Within a communicator they run in the order they were started.
//
// Run: ./11_async --np 3
// Output:
//   sum 6, from ac
#include <atomic>
#include <cstdio>
#include <exception>
#include <string>
#include <tutti/async.hpp>
#include <utility>
#include <vector>

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    std::vector<float> gradient(1'000'000, static_cast<float>(world.rank()) + 1);
    auto sum = async_allreduce(world, gradient);  // borrowed: hands off until it is done
    // … compute something else here …
    sum.get();

    std::vector<float> const back = async_allreduce(world, std::move(gradient), tutti::max).get();  // moved in and out

    std::atomic<bool> met{false};
    async_barrier(world, [&](std::exception_ptr) {  // called by the progress thread
      met = true;
      met.notify_one();
    });
    met.wait(false);

    auto several = async_run(world, [](tutti::communicator& comm) {  // blocking calls, as one operation
      auto const names = allgather(comm, std::string(1, static_cast<char>('a' + comm.rank())));
      return names[0] + names[static_cast<std::size_t>(allreduce(comm, comm.rank(), tutti::max))];
    });
    if (world.rank() == 0) std::printf("sum %g, from %s\n", static_cast<double>(back.front()), several.get().c_str());
  });
}
