// SPDX-License-Identifier: BSL-1.0
// Allreduce of floats by tutti: `tutti_allreduce --np 4 --bytes 262144 --shared FILE`; compare openmpi_allreduce.cpp.

#include <exception>
#include <span>
#include <stdexcept>
#include <tutti/tutti.hpp>

#include "harness.hpp"

namespace {

struct tutti_library {
  tutti::communicator& world;
  [[nodiscard]] int rank() const { return world.rank(); }
  [[nodiscard]] int size() const { return world.size(); }
  void allreduce(std::span<float> data) { tutti::allreduce(world, data); }
  void barrier() { tutti::barrier(world); }
};

}  // namespace

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [&](tutti::communicator& world) {
    auto const settings = bench::parse(argc, argv);
    tutti_library lib{world};
    if (bench::measurement(lib, settings).run("tutti") != 0) throw std::runtime_error("wrong results");
  });
}
