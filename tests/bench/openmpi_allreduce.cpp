// SPDX-License-Identifier: BSL-1.0
// Allreduce of floats by MPI: `mpirun -np 4 openmpi_allreduce --bytes 262144 --shared FILE`; compare
// tutti_allreduce.cpp.

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdio>
#include <exception>
#include <span>

#include "harness.hpp"

namespace {

#pragma GCC diagnostic ignored "-Wold-style-cast"  // MPI_IN_PLACE is one

struct mpi_library {
  [[nodiscard]] int rank() const { return ask(MPI_Comm_rank); }
  [[nodiscard]] int size() const { return ask(MPI_Comm_size); }
  void allreduce(std::span<float> data) {
    MPI_Allreduce(MPI_IN_PLACE, data.data(), static_cast<int>(data.size()), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  }
  void barrier() { MPI_Barrier(MPI_COMM_WORLD); }

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
    auto const settings = bench::parse(argc, argv);
    mpi_library lib;
    bool const wrong = bench::measurement(lib, settings).run("openmpi") != 0;
    MPI_Finalize();
    return wrong ? 1 : 0;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "openmpi_allreduce: %s\n", e.what());
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
}
