// SPDX-License-Identifier: BSL-1.0
// TensorFlow's mirrored training, line by line. In comments stands the loop as articles print it, before each line of
// ours, and behind it what is wrong with it: as printed, it trains on one replica whatever the number of devices.
//
// Run: ./mirrored --np 4
//
// Any number of processes ends with the same model, bit for bit: compare the last lines of --np 1 and --np 4.
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

#include "../fashion_mnist/network.hpp"
#include "../fashion_mnist/progress.hpp"

namespace {

using namespace fashion_mnist;

struct line_of_table {
  double loss = 0;
  double accuracy = 0;
};

/// The share of right answers, each rank asking about its own blocks of the test set.
double accuracy_of(tutti::communicator& world, workspace<float>& work, image_set const& test) {
  std::size_t const width = work.width();  // a fixed one, so that a sample's answer does not depend on --np
  tutti::summed correct;
  for (auto const run : tutti::partition(test.size() / width, world.size(), tutti::block{}).local(world.rank())) {
    std::vector<std::size_t> ids(width);
    std::iota(ids.begin(), ids.end(), run * width);
    correct += work.accuracy(test, ids);
  }
  return allreduce(world, correct).mean();
}

// import tensorflow.distribute.MirroredStrategy
//   Wrong: there is no such module. The class is tf.distribute.MirroredStrategy.
// strategy = MirroredStrategy()
//   One replica per device of this machine. Ours: one per process, `world` is the strategy; --np says how many.
void train(tutti::communicator& world) {
  // (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
  //   Ours are generated pictures of the same shape, so that this runs anywhere in seconds.
  image_set const train_set = generate_image_set(4000, 1);
  image_set const test_set = generate_image_set(1000, 2);

  // model = Sequential([Flatten(), Dense(64, 'relu'), Dense(10, 'softmax')])
  // optimizer = Adam()
  //   Wrong twice. Made outside `with strategy.scope():` the variables are not mirrored: they live on one device. And
  //   the softmax is taken again by the loss, which is told from_logits=True below. Ours: each rank makes its own
  //   model, whose outputs are raw scores; replicate() makes all of them rank 0's, and every rank then takes the same
  //   steps from the same gradient, so that no weight travels again.
  network model = initial_network<float>(1 + static_cast<std::uint64_t>(world.rank()));
  network gradient;
  tutti::replicate(world, model);
  tutti::adam optimizer{1e-3};

  // dataset = Dataset.from_tensor_slices((x_train, y_train)).shuffle(10000).batch(64)
  //   Wrong: never handed to strategy.experimental_distribute_dataset(), so no replica gets a part of its own. Batch
  //   and shuffle are global there. So are they here: each sample once per epoch, whatever the number of ranks.
  tutti::sampler sampler{.size = train_set.size(), .global_batch = 64, .seed = 1};
  tutti::data_parallel strategy{world, gradient};
  workspace<float> work(8);  // a batch is 8 slots of 8 samples, shared among the ranks

  std::vector<line_of_table> table;
  // for epoch in range(10):
  for (std::uint64_t epoch = 1; epoch <= 10; ++epoch) {
    tutti::summed loss;
    progress bar("epoch " + std::to_string(epoch), 4000 / 64 + 1, world.rank() == 0);
    // for x, y in dataset:
    for (auto const& batch : sampler.epochs(epoch).on(world)) {
      // def train_step(x, y): …
      //   Wrong: called as it stands, it runs once, on one replica. strategy.run(train_step, args) runs it on each.
      //   Ours runs on every rank because every rank is a process: over the slots of the batch that are its own.
      work.load(model);
      for (auto const slot : batch.slots()) {
        // predictions = model(x, training=True)
        // loss = tf.reduce_mean(sparse_categorical_crossentropy(y, predictions, from_logits=True))
        //   Wrong: a mean over the replica's samples. The replicas' gradients are then summed, so with R replicas the
        //   step is R times too long; right is the sum, divided by the global batch (tf.nn.compute_average_loss).
        //   Ours: sums, each with the number of its samples; sync() divides by all of them, once.
        // gradients = tf.gradients(loss, model.trainable_variables)
        //   Wrong: for graphs only, an error in eager mode. It takes a GradientTape around the two lines above.
        loss += work.sum_gradients(train_set, slot, gradient);
        strategy.add(slot.index(), gradient, static_cast<double>(slot.size()));
      }
      // optimizer.apply_gradients(zip(gradients, model.trainable_variables))
      //   Inside strategy.run() this hides an allreduce. Here it is a line: afterwards every rank has the exact mean.
      strategy.sync(gradient);
      optimizer.step(model, gradient);
      bar.show(batch.step() + 1, [&] { return "loss=" + std::to_string(loss.mean()); });
    }
    // print(epoch, loss.numpy(), accuracy)
    //   Wrong: the loss of the last batch on one replica. Ours: of all samples on all ranks; the test set is shared
    //   too.
    work.load(model);
    table.push_back({allreduce(world, loss).mean(), accuracy_of(world, work, test_set)});
  }

  tutti::fnv1a hash;
  tutti::for_each_tensor(model, [&](auto const& t) { hash.add(std::as_bytes(t.data)); });
  bool const mirrored = allreduce(world, hash.value(), tutti::min) == allreduce(world, hash.value(), tutti::max);
  if (world.rank() != 0) return;
  std::printf("epoch    loss  test accuracy\n");
  for (std::size_t i = 0; i < table.size(); ++i)
    std::printf("%5zu  %.4f  %13.4f\n", i + 1, table[i].loss, table[i].accuracy);
  std::printf("replicas %s accuracy=%.4f model=%016" PRIx64 "\n", mirrored ? "equal" : "DIFFER", table.back().accuracy,
              hash.value());
}

}  // namespace

int main(int argc, char** argv) { return tutti::run(argc, argv, train); }
