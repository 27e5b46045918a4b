// SPDX-License-Identifier: BSL-1.0
// The bench's Open MPI and MPICH: `mpirun -np 4 bench_openmpi --control SOCKET --shared FILE`.

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <type_traits>

#include "harness.hpp"

namespace {

#pragma GCC diagnostic ignored "-Wold-style-cast"  // MPI's constants are

struct mpi_library {
  static constexpr bool checked = true;
  [[nodiscard]] int rank() const { return ask(MPI_Comm_rank); }
  [[nodiscard]] int size() const { return ask(MPI_Comm_size); }
  void barrier() { MPI_Barrier(MPI_COMM_WORLD); }

  template <class T>
  std::function<void()> prepare(bench::job<T> const& j) {
    MPI_Datatype const type = std::is_same_v<T, float> ? MPI_FLOAT : MPI_UINT8_T;
    MPI_Comm const world = MPI_COMM_WORLD;
    int const n = static_cast<int>(j.count);
    bool const at_root = rank() == bench::root;
    T* const in = j.in.data();
    T* const out = j.out.data();
    switch (j.what) {
      case bench::call::allreduce:
        return [=] { MPI_Allreduce(MPI_IN_PLACE, out, n, type, MPI_SUM, world); };
      case bench::call::broadcast:
        return [=] { MPI_Bcast(out, n, type, bench::root, world); };
      case bench::call::reduce:
        return [=] { MPI_Reduce(at_root ? MPI_IN_PLACE : in, out, n, type, MPI_SUM, bench::root, world); };
      case bench::call::scatter:
        return [=] { MPI_Scatter(in, n, type, out, n, type, bench::root, world); };
      case bench::call::gather:
        return [=] { MPI_Gather(in, n, type, out, n, type, bench::root, world); };
      case bench::call::allgather:
        return [=] { MPI_Allgather(in, n, type, out, n, type, world); };
      case bench::call::reduce_scatter:
        return [=] { MPI_Reduce_scatter_block(in, out, n, type, MPI_SUM, world); };
      case bench::call::alltoall:
        return [=] { MPI_Alltoall(in, n, type, out, n, type, world); };
      case bench::call::barrier:
        return [=] { MPI_Barrier(world); };
    }
    throw std::invalid_argument("no such call");
  }

 private:
  static int ask(int (*what)(MPI_Comm, int*)) {
    int answer = 0;
    what(MPI_COMM_WORLD, &answer);
    return answer;
  }
};

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  try {
    mpi_library lib;
    bench::serve(lib, argc, argv);
    MPI_Finalize();
    return 0;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "bench_mpi: %s\n", e.what());
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
}
