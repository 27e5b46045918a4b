// SPDX-License-Identifier: BSL-1.0
// The bench's tutti: `bench_tutti --np 4 --control SOCKET --shared FILE`, or under any launcher. A variant is an
// algorithm, "best" the automatic choice.

#include <functional>
#include <tutti/tutti.hpp>

#include "harness.hpp"

namespace {

struct tutti_library {
  static constexpr bool checked = true;
  tutti::communicator& world;
  [[nodiscard]] int rank() const { return world.rank(); }
  [[nodiscard]] int size() const { return world.size(); }
  void barrier() { tutti::barrier(world); }

  template <class T>
  std::function<void()> prepare(bench::job<T> const& j) {
    auto& w = world;
    tutti::options how{};
    for (int a = 1; j.variant != "best" && tutti::to_string(how.algorithm) != j.variant; ++a) {
      if (a == 32) throw std::invalid_argument("no algorithm " + std::string(j.variant));
      how.algorithm = static_cast<tutti::algorithm>(a);
    }
    switch (j.what) {
      case bench::call::allreduce:
        return [=, &w] { allreduce(w, j.out, how); };
      case bench::call::broadcast:
        return [=, &w] { broadcast(w, j.out, bench::root, how); };
      case bench::call::reduce:
        return [=, &w] { reduce(w, j.out, tutti::sum, bench::root, how); };
      case bench::call::scatter:
        return [=, &w] { scatter(w, j.in, j.out, bench::root, how); };
      case bench::call::gather:
        return [=, &w] { gather(w, j.in, j.out, bench::root, how); };
      case bench::call::allgather:
        return [=, &w] { allgather(w, j.in, j.out, how); };
      case bench::call::reduce_scatter:
        return [=, &w] { reduce_scatter(w, j.in, j.out, how); };
      case bench::call::alltoall:
        if constexpr (requires { alltoall(w, j.in, j.out, how); })
          return [=, &w] { alltoall(w, j.in, j.out, how); };
        else
          throw std::invalid_argument("there is no alltoall");
      case bench::call::barrier:
        return [=, &w] { tutti::barrier(w, how); };
    }
    throw std::invalid_argument("no such call");
  }
};

}  // namespace

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [&](tutti::communicator& world) {
    tutti_library lib{world};
    bench::serve(lib, argc, argv);
  });
}
