// SPDX-License-Identifier: BSL-1.0
// From a CSV file to a trained model: the columns fill a plain struct, a sampler deals the rows out to the ranks, each
// exactly once per epoch, and every rank ends with the same model, whatever their number. Ten lines do it.
//
// Run: ./15_csv --np 4
// Output:
//   500 rows, of which 1 was left out
//   y = 3.00 x + -2.00
#include <cstdio>
#include <string>
#include <tutti/data.hpp>

struct reading {  // a row: the columns in order
  std::string sensor;
  float x, y;
};
struct line {
  float slope = 0, offset = 0;
  void learn(line const& model, reading const& r) {  // adds the gradient of half the squared error
    float const error = model.slope * r.x + model.offset - r.y;
    slope += error * r.x;
    offset += error;
  }
};

void write_csv(char const* path) {
  std::FILE* const file = std::fopen(path, "w");
  std::fprintf(file, "sensor,x,y\n\"the \"\"broken\"\" one, in the attic\",n/a,0\n");
  for (int i = 1; i < 500; ++i) std::fprintf(file, "sensor %d,%g,%g\n", i, i / 250.0 - 1, 3 * (i / 250.0 - 1) - 2);
  std::fclose(file);
}

void train(tutti::communicator& world) {
  auto rows = guarded_shared(world, tutti::csv_source<reading>("15_readings.csv"), tutti::bad_rows::skip);
  tutti::sampler sampler{.size = rows.size(), .global_batch = 25, .seed = 1};
  line model, gradient;
  tutti::data_parallel dp{world, model};
  tutti::adam optimizer{0.05};
  for (auto const& batch : sampler.epochs(60).on(world))
    train_step(dp, optimizer, model, gradient, batch, [&](auto const& slot, line& sum) {
      for (reading const& r : rows_at(rows, slot)) sum.learn(model, r);
    });

  if (world.rank() != 0) return;
  std::printf("500 rows, of which %d was left out\n", static_cast<int>(rows.dropped()));
  std::printf("y = %.2f x + %.2f\n", static_cast<double>(model.slope), static_cast<double>(model.offset));
}

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    if (world.rank() == 0) write_csv("15_readings.csv");
    barrier(world);
    train(world);
    barrier(world);
    if (world.rank() == 0) (void)std::remove("15_readings.csv");
  });
}
