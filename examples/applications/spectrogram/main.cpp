// SPDX-License-Identifier: BSL-1.0
// Speech, from the sound on: makes spoken "words", turns them into spectrograms, each rank its share, and trains a
// classifier of Eigen matrices on all ranks.
//
// Run: ./spectrogram --np 2
//
// A word is two vowels, one gliding into the other; ten words, of which some differ in the order of their vowels alone,
// so that the classifier needs the time axis. Any number of processes prints the same last line.
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

#include "../fashion_mnist/progress.hpp"

namespace spectrogram {

constexpr std::size_t words = 10, training = 2000, testing = 500, batch = 64, slot_width = 8;
constexpr int rate = 8000, samples = 2048, frame = 256, hop = 128, frames = (samples - frame) / hop + 1, bands = 24;
constexpr int features = frames * bands, hidden = 32;

using matrix = Eigen::MatrixXf;
using vector = Eigen::VectorXf;

struct vowel {
  double formant[2];  // Hz, Peterson and Barney 1952
};
constexpr std::array<vowel, 5> vowels{{{{730, 1090}}, {{530, 1840}}, {{270, 2290}}, {{570, 840}}, {{300, 870}}}};
constexpr std::array<std::array<std::size_t, 2>, words> spelling{
    {{0, 2}, {2, 0}, {1, 3}, {3, 1}, {4, 0}, {0, 4}, {2, 3}, {3, 2}, {1, 4}, {4, 1}}};

struct spoken {
  std::size_t word = 0;
  std::array<float, samples> sound{};
};

/// The same numbers on every platform (splitmix64, Steele, Lea and Flood 2014).
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) : state_(seed * 0x2545f4914f6cdd1dULL) {}
  double uniform(double low, double high) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return low + (high - low) * static_cast<double>((z ^ (z >> 31U)) >> 11U) * 0x1p-53;
  }

 private:
  std::uint64_t state_;
};

/// Clip number `id`, the same on whatever rank: a voice of random pitch and loudness, its harmonics weighed by the
/// formants of the first vowel, then of the second, in noise.
spoken speak(std::uint64_t id) {
  random_numbers random(id);
  auto const uniform = [&random](double low, double high) { return random.uniform(low, high); };
  spoken clip;
  clip.word = static_cast<std::size_t>(uniform(0, words));
  double const pitch = uniform(90, 240), loudness = uniform(0.3, 1.0), noise = uniform(0.2, 0.6),
               stretch = uniform(0.9, 1.1);
  double const turn = uniform(0.35, 0.65) * samples, glide = 0.1 * samples;
  for (int harmonic = 1; harmonic * pitch < 3600; ++harmonic) {
    double const frequency = harmonic * pitch;
    std::array<double, 2> strength{};
    for (std::size_t part = 0; part < 2; ++part)
      for (double const formant : vowels[spelling[clip.word][part]].formant) {
        double const off = (frequency - formant * stretch) / 90;
        strength[part] += 1 / (1 + off * off);
      }
    std::complex<double> const step = std::polar(1.0, 2 * 3.14159265358979 * frequency / rate);
    std::complex<double> phase = std::polar(1.0, uniform(0, 6.28));
    for (int t = 0; t < samples; ++t, phase *= step) {
      double const second = std::clamp((t - turn) / glide + 0.5, 0.0, 1.0);
      clip.sound[static_cast<std::size_t>(t)] +=
          static_cast<float>(loudness * phase.real() * ((1 - second) * strength[0] + second * strength[1]));
    }
  }
  for (float& s : clip.sound) s += static_cast<float>(noise * uniform(-1, 1));
  return clip;
}

/// Short-time Fourier transforms as two matrix products: the windowed waves of every second frequency up to 3 kHz, as
/// the rows of a matrix, times the frames, as columns; then the logarithm of the power in each band.
class analyser {
 public:
  analyser() : cosines_(bands * 4, frame), sines_(bands * 4, frame), frames_(frame, frames) {
    for (int k = 0; k < bands * 4; ++k)
      for (int t = 0; t < frame; ++t) {
        double const angle = 2 * 3.14159265358979 / frame * t;
        double const window = 0.5 - 0.5 * std::cos(angle);
        cosines_(k, t) = static_cast<float>(window * std::cos(angle * (k + 1)));
        sines_(k, t) = static_cast<float>(window * std::sin(angle * (k + 1)));
      }
  }

  /// Writes the `features` numbers of one clip, about -1 to 1.
  void operator()(spoken const& clip, float* to) {
    for (int f = 0; f < frames; ++f) frames_.col(f) = Eigen::Map<vector const>(clip.sound.data() + f * hop, frame);
    real_.noalias() = cosines_ * frames_;
    imaginary_.noalias() = sines_ * frames_;
    power_ = real_.array().square() + imaginary_.array().square();
    for (int f = 0; f < frames; ++f)
      for (int b = 0; b < bands; ++b)
        to[f * bands + b] = std::log(power_.col(f).segment(4 * b, 4).sum() + 1.0F) / 5 - 1;
  }

 private:
  matrix cosines_, sines_, frames_, real_, imaginary_;
  Eigen::ArrayXXf power_;
};

/// Every rank makes its part of the clips; afterwards all have the spectrograms of all, and the words.
struct corpus {
  std::vector<float> spectra;  ///< one row of `features` after another
  std::vector<std::uint8_t> labels;
};
corpus make_corpus(tutti::communicator& world) {
  analyser analyse;
  tutti::partition const share(training + testing, world.size(), tutti::block{});
  std::vector<float> spectra(share.count(world.rank()) * features);
  std::vector<std::uint8_t> labels;
  for (auto const id : share.local(world.rank())) {
    spoken const clip = speak(id);
    analyse(clip, spectra.data() + labels.size() * features);
    labels.push_back(static_cast<std::uint8_t>(clip.word));
  }
  return {allgather(world, spectra).values, allgather(world, labels).values};
}

/// A plain struct of Eigen matrices; its gradient is another. Inputs are columns.
struct classifier {
  matrix weight1 = matrix::Zero(hidden, features);
  vector bias1 = vector::Zero(hidden);
  matrix weight2 = matrix::Zero(static_cast<Eigen::Index>(words), hidden);
  vector bias2 = vector::Zero(static_cast<Eigen::Index>(words));
};

/// Forward and backward, a fixed number of columns at a time: the bits of a sample do not depend on its rank.
class pass {
 public:
  explicit pass(corpus const& data) : data_(data), input_(features, width) {}

  template <class Ids>
  void forward(classifier const& model, Ids const& ids) {
    Eigen::Index column = 0;
    for (auto const id : ids) input_.col(column++) = Eigen::Map<vector const>(row(id), features);
    input_.rightCols(width - column).setZero();
    hidden_.noalias() = model.weight1 * input_;
    hidden_ = (hidden_.colwise() + model.bias1).array().tanh();
    output_.noalias() = model.weight2 * hidden_;
    output_.colwise() += model.bias2;
  }
  /// Overwrites `gradient` with the sum of the samples' gradients.
  template <class Ids>
  tutti::summed gradients(classifier const& model, Ids const& ids, classifier& gradient) {
    forward(model, ids);
    tutti::summed loss;
    Eigen::Index column = 0;
    for (auto const id : ids) {
      auto const scores = scores_of(column++);
      loss += tutti::loss::softmax_cross_entropy(scores, label(id), scores);
    }
    output_.rightCols(width - column).setZero();
    gradient.weight2.noalias() = output_ * hidden_.transpose();
    gradient.bias2 = output_.rowwise().sum();
    back_.noalias() = model.weight2.transpose() * output_;
    back_.array() *= 1 - hidden_.array().square();
    gradient.weight1.noalias() = back_ * input_.transpose();
    gradient.bias1 = back_.rowwise().sum();
    return loss;
  }
  template <class Ids>
  tutti::summed accuracy(classifier const& model, Ids const& ids) {
    forward(model, ids);
    tutti::summed correct;
    Eigen::Index column = 0;
    for (auto const id : ids) correct += tutti::metric::accuracy(scores_of(column++), label(id));
    return correct;
  }

 private:
  static constexpr Eigen::Index width = static_cast<Eigen::Index>(slot_width);
  float const* row(std::size_t id) const { return data_.spectra.data() + id * features; }
  std::size_t label(std::size_t id) const { return data_.labels[id]; }
  std::span<float> scores_of(Eigen::Index column) { return {output_.col(column).data(), words}; }

  corpus const& data_;
  matrix input_, hidden_, output_, back_;
};

void train(tutti::communicator& world) {
  auto const start = std::chrono::steady_clock::now();
  auto const seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  corpus const data = make_corpus(world);
  double const prepared = seconds();

  classifier model, gradient;
  random_numbers random(4);
  for (float& w : model.weight1.reshaped()) w = static_cast<float>(random.uniform(-0.1, 0.1));
  for (float& w : model.weight2.reshaped()) w = static_cast<float>(random.uniform(-0.3, 0.3));
  tutti::replicate(world, model);
  tutti::data_parallel dp{world, model};
  tutti::adam optimizer{2e-3};
  tutti::sampler sampler{.size = training, .global_batch = batch, .seed = 3};
  pass work(data);

  struct row {
    double loss, accuracy;
  };
  std::vector<row> table;
  for (std::uint64_t epoch = 1; epoch <= 8; ++epoch) {
    tutti::summed loss, correct;
    fashion_mnist::progress bar("epoch " + std::to_string(epoch), training / batch + 1, world.rank() == 0);
    for (auto const& step : sampler.epochs(epoch).on(world)) {
      for (auto const slot : step.slots()) {
        loss += work.gradients(model, slot, gradient);
        dp.add(slot.index(), gradient, static_cast<double>(slot.size()));
      }
      dp.sync(gradient);
      optimizer.step(model, gradient);
      bar.show(step.step() + 1, [&] { return "loss=" + std::to_string(loss.mean()); });
    }
    for (auto const run : tutti::partition(testing / slot_width, world.size(), tutti::block{}).local(world.rank())) {
      std::array<std::size_t, slot_width> ids;
      for (std::size_t i = 0; i < slot_width; ++i) ids[i] = training + run * slot_width + i;
      correct += work.accuracy(model, ids);
    }
    table.push_back({allreduce(world, loss).mean(), allreduce(world, correct).mean()});
  }

  tutti::fnv1a hash;
  tutti::for_each_tensor(model, [&](auto const& t) { hash.add(std::as_bytes(t.data)); });
  if (world.rank() != 0) return;
  std::printf("epoch    loss  test accuracy\n");
  for (std::size_t i = 0; i < table.size(); ++i)
    std::printf("%5zu  %.4f  %13.4f\n", i + 1, table[i].loss, table[i].accuracy);
  std::printf("%zu clips heard in %.2f s, %zu epochs in %.2f s on %d processes\n", training + testing, prepared,
              table.size(), seconds() - prepared, world.size());
  std::printf("accuracy=%.4f chance=%.4f model=%016" PRIx64 "\n", table.back().accuracy, 1.0 / words, hash.value());
}

}  // namespace spectrogram

int main(int argc, char** argv) { return tutti::run(argc, argv, spectrogram::train); }
