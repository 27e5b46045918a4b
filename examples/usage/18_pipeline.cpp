// SPDX-License-Identifier: BSL-1.0
// A model cut into three stages, each on a rank of its own: three lines one after another learn y = 3 x - 2. While the
// second stage computes one microbatch, the first computes the next. On fewer ranks some have several stages, on more
// there are replicas of stages: the last line printed is the same for any --np.
//
// Run: ./18_pipeline --np 3
// Output:
//   rank 0 F0 F1 F2 .  .  B0 F3 B1 .  B2 .  B3
//   rank 1 .  F0 F1 .  B0 F2 B1 F3 B2 .  B3 .
//   rank 2 .  .  F0 B0 F1 B1 F2 B2 F3 B3 .  .
//   y = 3.000 x + -2.000
#include <cstdio>
#include <tutti/train.hpp>
#include <vector>

using namespace std::chrono_literals;
using numbers = std::vector<float>;

constexpr int stages = 3, microbatches = 4;

struct line {
  float slope = 1, offset = 0;
  float operator()(float x) const { return slope * x + offset; }
};

struct stage {
  int number;
  line model{}, gradient{};
  std::vector<numbers> in = std::vector<numbers>(microbatches);  // kept for the backward passes
  tutti::data_parallel<tutti::transport::any> replicas;
  tutti::adam optimizer{0.02};

  stage(tutti::pipeline<>& pipe, int s) : number(s), replicas(pipe.replicas(), model, microbatches) {}

  numbers forward(numbers&& from_below, int m) {
    numbers& x = in[std::size_t(m)];
    x.swap(from_below);
    if (number == 0) x = {0.1f * float(m), -0.2f * float(m), 0.5f};  // the first stage has the data
    numbers out;
    for (float v : x) out.push_back(model(v));
    return out;
  }
  numbers backward(numbers const& from_above, int m) {
    line sum{0, 0};
    numbers out;
    numbers const data{0.1f * float(m), -0.2f * float(m), 0.5f};
    for (std::size_t i = 0; i < 3; ++i) {
      float const x = in[std::size_t(m)][i];  // the last stage has the loss, (y - (3 x - 2))^2 / 2
      float const g = number == stages - 1 ? model(x) - (3 * data[i] - 2) : from_above[i];
      sum.slope += g * x;
      sum.offset += g;
      out.push_back(g * model.slope);
    }
    replicas.add(m, sum, 3);
    return out;
  }
};

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    tutti::pipeline pipe{world, tutti::one_f_one_b({stages, microbatches, world.size()})};
    std::vector<stage> mine;
    for (int const s : pipe.stages()) mine.emplace_back(pipe, s);

    for (int step = 0; step < 1000; ++step) {
      pipe.run(mine);  // all microbatches forward and backward
      for (stage& s : mine) {
        s.replicas.sync(s.gradient);  // the mean over the step, as data parallel training has it
        s.optimizer.step(s.model, s.gradient);
      }
    }

    if (world.rank() == 0)
      std::printf("%s", tutti::pipeline_text(tutti::pipeline_timeline(pipe.schedule(), 1ms, 1ms)).c_str());
    line whole;
    for (int s = 0; s < stages; ++s) {
      line part = world.rank() == pipe.root(s) ? mine[std::size_t(s - pipe.stages().front())].model : line{};
      broadcast(world, part, pipe.root(s));
      whole = {part.slope * whole.slope, part(whole.offset)};
    }
    if (world.rank() == 0) std::printf("y = %.3f x + %.3f\n", whole.slope, whole.offset);
  });
}
