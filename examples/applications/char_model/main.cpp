// SPDX-License-Identifier: BSL-1.0
// A language model of characters whose vocabulary is split: each process has the embeddings of some characters and the
// logits of some characters, and computes the softmax over all of them without ever seeing the others' logits.
//
// Run: ./char_model --np 3
//
// The next character is guessed from the three before it (Mnih and Hinton's log-bilinear model, 2007). Three sums per
// step cross the network: of the embeddings, of three numbers per sample for the softmax, and of the gradient by the
// embeddings. Data are generated: a text of made-up words, the frequent ones short.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <tutti/train.hpp>
#include <utility>
#include <vector>

#include "../fashion_mnist/progress.hpp"

struct vocabulary;  // the axis along which ranks share the characters
struct data;        // and that along which they would share the samples; here of one rank

namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz .";
constexpr std::size_t context = 3, width = 16, batch = 100, learnt = 30000, kept_back = 3000;
constexpr std::uint64_t epochs = 4;

using tutti::replicated;

/// Sentences of words from a lexicon of 60, drawn by Zipf's law. Characters are places in the alphabet.
std::vector<int> make_text() {
  std::uint64_t state = 7;
  auto const below = [&state](std::size_t n) {  // splitmix64
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return static_cast<std::size_t>((z ^ (z >> 31U)) % n);
  };
  std::vector<std::string> lexicon;
  std::vector<std::size_t> drawn;  // word i stands in it 60 / (i + 1) times
  for (std::size_t i = 0; i < 60; ++i) {
    std::string& word = lexicon.emplace_back();
    for (std::size_t syllable = 0; syllable < 1 + i / 20 + below(2); ++syllable) {
      word += "bcdfghjklmnpqrstvwxyz"[below(21)];
      word += "aeiou"[below(5)];
      if (below(2) == 0) word += "lmnrst"[below(6)];
    }
    drawn.insert(drawn.end(), 60 / (i + 1), i);
  }
  std::vector<int> text;
  while (text.size() < learnt + kept_back + context) {
    std::string const words = lexicon[drawn[below(drawn.size())]] + (below(8) == 0 ? ". " : " ");
    for (char const c : words) text.push_back(static_cast<int>(alphabet.find(c)));
  }
  return text;
}

/// What each rank keeps: rows of the table, columns of the weights. The gradient is of the same type.
struct model {
  tutti::vocabulary_embedding<vocabulary, float> embedding;
  tutti::column_linear<vocabulary, float> output;
};

using grid = tutti::grid<vocabulary, data>;
using ids = replicated<vocabulary, int>;

/// The characters before each sample, and those that follow.
std::pair<ids, ids> read(grid& g, std::vector<int> const& text, std::vector<std::size_t> const& samples) {
  std::vector<int> before, next;
  for (std::size_t const s : samples) {
    for (std::size_t i = 0; i < context; ++i) before.push_back(text[s + i]);
    next.push_back(text[s + context]);
  }
  return {ids(g, {before.size()}, before), ids(g, {next.size()}, next)};
}

/// A sample's embeddings side by side, from one allreduce.
replicated<vocabulary, float> embed(grid& g, model const& m, ids const& before) {
  auto const rows = redistribute<replicated<vocabulary>>(g, m.embedding.forward(before));
  return {g, {before.size() / context, context * width}, std::vector<float>(rows.begin(), rows.end())};
}

/// The share of samples whose likeliest next character is the right one. Gathers the logits: only here.
double accuracy(grid& g, model const& m, std::vector<int> const& text) {
  tutti::summed correct;
  for (std::size_t from = learnt; from < learnt + kept_back; from += batch) {
    std::vector<std::size_t> samples(batch);
    for (std::size_t i = 0; i < batch; ++i) samples[i] = from + i;
    auto const [before, next] = read(g, text, samples);
    auto const logits = redistribute<replicated<vocabulary>>(g, m.output.forward(embed(g, m, before)));
    for (std::size_t i = 0; i < batch; ++i) {
      std::span const scores(logits.data() + i * alphabet.size(), alphabet.size());
      correct += tutti::metric::accuracy(scores, static_cast<std::size_t>(next[i]));
    }
  }
  return correct.mean();
}

void train(tutti::communicator& world) {
  auto const start = std::chrono::steady_clock::now();
  auto const text = make_text();
  grid g = world.grid<vocabulary, data>(world.size(), 1);
  model m{{g, alphabet.size(), width}, {g, context * width, alphabet.size()}};
  tutti::init::xavier{.seed = 1}.fill(m);  // the same weights however they are split
  tutti::adam optimizer{5e-3};
  tutti::sampler sampler{.size = learnt, .global_batch = batch, .seed = 2};

  struct line {
    double loss, accuracy;
  };
  std::vector<line> table;
  for (std::uint64_t epoch = 1; epoch <= epochs; ++epoch) {
    tutti::summed loss;
    fashion_mnist::progress bar("epoch " + std::to_string(epoch), learnt / batch, world.rank() == 0);
    for (auto const& step : sampler.epochs(epoch).on(g.along<data>())) {
      std::vector<std::size_t> samples;
      for (auto const slot : step.slots()) samples.insert(samples.end(), slot.begin(), slot.end());
      auto const [before, next] = read(g, text, samples);

      auto const x = embed(g, m, before);
      auto [sum, by_z] = tutti::loss::softmax_cross_entropy(g, m.output.forward(x), next);
      loss += sum;
      for (float& z : by_z) z /= static_cast<float>(samples.size());

      model gradient;
      gradient.output = m.output.gradient(x, by_z);
      auto const by_x = redistribute<replicated<vocabulary>>(g, m.output.backward(by_z));
      replicated<vocabulary, float> const by_rows(g, {before.size(), width},
                                                  std::vector<float>(by_x.begin(), by_x.end()));
      gradient.embedding = m.embedding.gradient(before, by_rows);
      optimizer.step(m, gradient);  // each rank its own weights: nothing is sent
      bar.show(step.step() + 1, [&] { return "loss=" + std::to_string(loss.mean()); });
    }
    table.push_back({loss.mean(), accuracy(g, m, text)});
  }

  std::size_t weights = 0;
  tutti::for_each_tensor(m, [&](auto const& t) { weights += t.data.size(); });
  auto const held = allgather(world, weights);
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (world.rank() != 0) return;
  std::array<std::size_t, alphabet.size()> counts{};
  for (int const c : text) ++counts[static_cast<std::size_t>(c)];
  std::printf("epoch    loss  test accuracy\n");
  for (std::size_t i = 0; i < table.size(); ++i)
    std::printf("%5zu  %.4f  %13.4f\n", i + 1, table[i].loss, table[i].accuracy);
  std::printf("weights per rank:");
  for (std::size_t const n : held) std::printf(" %zu", n);
  std::printf("; %.2f s on %d processes\n", seconds, world.size());
  std::printf("accuracy=%.4f chance=%.4f commonest=%.4f\n", table.back().accuracy, 1.0 / alphabet.size(),
              static_cast<double>(*std::max_element(counts.begin(), counts.end())) / static_cast<double>(text.size()));
}

}  // namespace

int main(int argc, char** argv) { return tutti::run(argc, argv, train); }
