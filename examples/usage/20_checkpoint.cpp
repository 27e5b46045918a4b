// SPDX-License-Identifier: BSL-1.0
// The state of a job on disk: saved by all ranks, each its share, whole or not at all; loaded by any number of them.
//
// Run: ./20_checkpoint --np 4 && ./20_checkpoint --np 3
// Output:
//   nothing saved yet, I start at step 0
//   weight 0.9 after step 1000
//   I go on after step 1000
//   weight 0.81 after step 2000
#include <cstdio>
#include <filesystem>
#include <tutti/shard.hpp>

struct job {
  std::vector<double> weights = std::vector<double>(100'000, 1);
  std::uint64_t step = 0;
};

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    std::string const path = "20_checkpoint.saved";
    job state;
    bool const saved = world.rank() == 0 && std::filesystem::exists(path + "/manifest");
    if (allreduce(world, saved, tutti::logical_or)) {
      tutti::checkpoint::load(path, state, world);
      if (world.rank() == 0) std::printf("I go on after step %d\n", static_cast<int>(state.step));
    } else if (world.rank() == 0) {
      std::printf("nothing saved yet, I start at step 0\n");
    }

    for (double& w : state.weights) w *= 0.9;  // stands for training
    state.step += 1000;

    tutti::checkpoint::save(path, state, world);
    if (world.rank() != 0) return;
    std::printf("weight %g after step %d\n", state.weights[0], static_cast<int>(state.step));

    if (state.step < 2000) return;
    tutti::checkpoint::export_safetensors(path, "20_checkpoint.safetensors");  // for Python and others
    tutti::checkpoint::reader reader(path);                                    // or number by number, in one process
    std::vector<double> weights(100'000);
    reader.read("weights", std::span(weights));
    std::filesystem::remove_all(path);
    std::filesystem::remove("20_checkpoint.safetensors");
  });
}
