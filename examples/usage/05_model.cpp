// SPDX-License-Identifier: BSL-1.0
// A model is any struct of yours: replicate() checks that all ranks hold the same kind of model and gives them rank 0's
// weights; allreduce() works tensor by tensor.
//
// Run: ./05_model --np 4
// Output:
//   hidden.weight: 6 values
//   hidden.bias: 2 values
//   output.weight: 2 values
//   output.bias: 1 values
//   replicated: rank 0's weights everywhere
//   summed: 4 times as much
#include <array>
#include <cstdio>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

struct layer {
  std::vector<float> weight;
  std::vector<float> bias;
};
struct network {
  layer hidden;
  layer output;
};

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    float const own = 1.0F + static_cast<float>(world.rank());
    network model{{std::vector<float>(6, own), {own, own}}, {{own, own}, {own}}};

    bool const speaks = world.rank() == 0;
    tutti::for_each_tensor(model, [&](auto const& tensor) {
      if (speaks) std::printf("%s: %zu values\n", std::string(tensor.name).c_str(), tensor.data.size());
    });

    auto const everywhere = [&](float value) {  // is every weight on every rank equal to `value`?
      bool equal = true;
      tutti::for_each_tensor(model, [&](auto const& tensor) {
        for (float w : tensor.data) equal = equal && w == value;
      });
      return allreduce(world, equal, tutti::logical_and);
    };
    replicate(world, model);
    if (everywhere(1.0F) && speaks) std::printf("replicated: rank 0's weights everywhere\n");
    allreduce(world, model);
    if (everywhere(static_cast<float>(world.size())) && speaks) std::printf("summed: %d times as much\n", world.size());
  });
}
