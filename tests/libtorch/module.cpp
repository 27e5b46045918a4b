// SPDX-License-Identifier: BSL-1.0
// Promises of libtorch.hpp, against LibTorch's own lists, its own optimiser and a loop without tutti.
#include <tutti/libtorch.hpp>

#include <doctest/doctest.h>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <tutti/core/hash.hpp>
#include <tutti/data/sampler.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/shard/replicate.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/sgd.hpp>

#include "../group/captured.hpp"

// LibTorch's logging brings a CHECK of its own.
#undef CHECK
#define CHECK DOCTEST_CHECK

#include "../doors/model_kinds.hpp"

namespace {

using tutti::communicator;

/// As users write it: nothing here knows tutti.
struct net : torch::nn::Module {
  net() {
    first = register_module("first", torch::nn::Linear(4, 16));
    second = register_module("second", torch::nn::Linear(16, 3));
  }
  torch::Tensor forward(torch::Tensor const& x) { return second(torch::tanh(first(x))); }
  torch::nn::Linear first{nullptr}, second{nullptr};
};

constexpr std::int64_t samples = 240;
torch::Tensor inputs() { return torch::sin(torch::arange(samples * 4, torch::kFloat).reshape({samples, 4}) * 0.7); }
torch::Tensor labels() { return inputs().narrow(1, 0, 3).argmax(1); }

torch::Tensor summed_loss(net& model, torch::Tensor const& x, torch::Tensor const& y) {
  namespace F = torch::nn::functional;
  return F::cross_entropy(model.forward(x), y, F::CrossEntropyFuncOptions().reduction(torch::kSum));
}

/// The same first weights in every run; ranks but 0 begin with others.
void fill(net& model, int rank) {
  tutti::for_each_tensor(model, [&, i = rank * 1000](auto const& t) mutable {
    using T = typename decltype(t.data)::element_type;
    for (auto& w : t.data) w = static_cast<T>(std::sin(++i) * 0.4);
  });
}
std::vector<double> numbers(net const& model) {
  std::vector<double> all;
  tutti::for_each_tensor(model, [&](auto const& t) {
    for (auto w : t.data) all.push_back(static_cast<double>(w));
  });
  return all;
}
std::uint64_t hash_of(net const& model) {
  tutti::fnv1a hash;
  tutti::for_each_tensor(model, [&](auto const& t) { hash.add(std::as_bytes(t.data)); });
  return hash.value();
}

torch::Tensor rows(torch::Tensor const& of, std::vector<std::int64_t>& ids) {
  return of.index_select(0, torch::from_blob(ids.data(), {static_cast<std::int64_t>(ids.size())}, torch::kLong));
}

/// The loop of a user, on any number of ranks.
void train(communicator& world, net& model, std::uint64_t epochs) {
  torch::Tensor const x = inputs(), y = labels();
  replicate(world, model);
  tutti::data_parallel dp{world, model};
  torch::optim::SGD optimizer(model.parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  tutti::sampler sampler{.size = samples, .global_batch = 60, .seed = 5};
  for (auto const& batch : sampler.epochs(epochs).on(world)) {
    for (auto const slot : batch.slots()) {
      std::vector<std::int64_t> ids(slot.begin(), slot.end());
      model.zero_grad();
      summed_loss(model, rows(x, ids), rows(y, ids)).backward();
      dp.add(slot.index(), tutti::gradients_of(model), static_cast<double>(ids.size()));
    }
    auto gradient = tutti::gradients_of(model);
    dp.sync(gradient);
    optimizer.step();
  }
}

/// What the compiler wrote down of the first failure; empty if there was none.
template <class M>
std::string refusal(M& model) {
  try {
    tutti::for_each_tensor(model, [](auto const&) {});
    return "";
  } catch (tutti::error const& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("worker of the next test" * doctest::skip()) {
  torch::set_num_threads(1);
  auto world = tutti::join({});
  net model;
  fill(model, world.rank());
  train(world, model, 3);
  if (world.rank() == 0) std::printf("weights %016llx\n", static_cast<unsigned long long>(hash_of(model)));
}

TEST_CASE("an unmodified module trains in two and three processes to the very bits of one") {
  auto const weights = [](int processes) {
    auto const seen = testing::run([&] {
      return tutti::launch(processes, {"/proc/self/exe", "--test-case=worker of the next test", "--no-skip"});
    });
    CHECK_MESSAGE(seen.code == 0, seen.err);
    auto const at = seen.out.find("weights ");
    return at == std::string::npos ? seen.out : seen.out.substr(at, 24);
  };
  std::string const alone = weights(1);
  CHECK(alone.size() == 24);
  CHECK(weights(2) == alone);
  CHECK(weights(3) == alone);
}

TEST_CASE("and to what LibTorch's own loop over whole batches ends with") {
  torch::set_num_threads(1);
  // The oracle: no tutti but the order of the samples.
  net expected;
  fill(expected, 0);
  torch::Tensor const x = inputs(), y = labels();
  torch::optim::SGD optimizer(expected.parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  double first = 0, last = 0;
  tutti::testing::run_ranks(1, [&](communicator& alone) {
    tutti::sampler sampler{.size = samples, .global_batch = 60, .seed = 5};
    for (auto const& batch : sampler.epochs(3).on(alone)) {
      std::vector<std::int64_t> ids;
      for (auto const slot : batch.slots()) ids.insert(ids.end(), slot.begin(), slot.end());
      optimizer.zero_grad();
      auto loss = summed_loss(expected, rows(x, ids), rows(y, ids)) / static_cast<double>(ids.size());
      loss.backward();
      optimizer.step();
      last = loss.item<double>();
      if (first == 0) first = last;
    }
  });
  CHECK(last < 0.8 * first);  // it learns at all

  for (int const size : {1, 2, 4, 5})
    tutti::testing::run_ranks(size, [&](communicator& world) {
      net model;
      fill(model, world.rank());
      train(world, model, 3);
      auto const a = numbers(model), b = numbers(expected);
      REQUIRE(a.size() == b.size());
      for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
    });
}

TEST_CASE("one contribution per rank, a rank without samples and our own optimiser: the same mean") {
  torch::set_num_threads(1);
  torch::Tensor const x = inputs(), y = labels();
  net expected;
  fill(expected, 0);
  (summed_loss(expected, x, y) / static_cast<double>(samples)).backward();
  {
    torch::NoGradGuard const plain;
    for (auto& w : expected.parameters()) w -= 0.5 * w.grad();
  }
  for (int const size : {1, 2, 3})
    tutti::testing::run_ranks(size, [&](communicator& world) {
      net model;
      fill(model, world.rank());
      replicate(world, model);
      tutti::data_parallel dp{world, model};
      int const workers = size > 1 ? size - 1 : 1;  // the last rank has no samples and runs no backward pass
      std::int64_t const begin = samples * world.rank() / workers, end = samples * (world.rank() + 1) / workers;
      std::int64_t const mine = world.rank() < workers ? end - begin : 0;
      if (mine > 0) summed_loss(model, x.narrow(0, begin, mine), y.narrow(0, begin, mine)).backward();
      auto gradient = tutti::gradients_of(model);
      dp.sync(gradient, static_cast<double>(mine));
      tutti::sgd opt{.lr = 0.5};
      opt.step(model, gradient);
      auto const a = numbers(model), b = numbers(expected);
      for (std::size_t i = 0; i < a.size(); ++i) CHECK(a.at(i) == doctest::Approx(b.at(i)).epsilon(1e-5));
    });
}

TEST_CASE("the walk finds what LibTorch lists, where LibTorch keeps it, under LibTorch's names") {
  torch::nn::Sequential const holder(torch::nn::Linear(3, 5), torch::nn::BatchNorm1d(5), torch::nn::Linear(5, 2));
  torch::nn::Module& module = *holder.ptr();
  module.named_parameters()["0.bias"].set_requires_grad(false);

  std::vector<std::string> expected;
  std::vector<void*> storage;
  for (auto& item : module.named_parameters()) {
    expected.push_back(item.key() + (item.value().requires_grad() ? " trained" : " kept"));
    storage.push_back(item.value().data_ptr());
  }
  for (auto& item : module.named_buffers()) {
    expected.push_back(item.key() + " kept");
    storage.push_back(item.value().data_ptr());
  }
  auto const check = [&](auto& model) {
    std::vector<std::string> found;
    std::vector<void*> at;
    tutti::for_each_tensor(model, [&](auto const& t) {
      found.push_back(std::string(t.name) + (t.kind == tutti::role::parameter ? " trained" : " kept"));
      at.push_back(t.data.data());
    });
    CHECK(found == expected);
    CHECK(at == storage);
  };
  check(module);
  auto shared = holder.ptr();
  check(shared);
  auto sequential = holder;
  check(sequential);
  torch::nn::Linear nothing{nullptr};
  CHECK(tutti::signature_of(nothing).tensors.empty());
}

TEST_CASE("gradients are a model of the module's signature, zeros where nothing is trained") {
  torch::nn::Sequential holder(torch::nn::Linear(3, 5), torch::nn::BatchNorm1d(5));
  auto weight = holder->named_parameters()["0.weight"];
  holder->named_parameters()["0.bias"].set_requires_grad(false);
  auto gradient = tutti::gradients_of(holder);  // before any backward pass
  CHECK(tutti::first_difference(tutti::signature_of(holder), tutti::signature_of(gradient)) == "");
  std::size_t count = 0;
  tutti::for_each_tensor(gradient, [&](auto const& t) {
    for (auto g : t.data) CHECK(g == 0);
    count += t.data.size();
  });
  CHECK(count == 15 + 5 + 5 + 5 + 5 + 5 + 1);
  holder->forward(torch::ones({2, 3})).sum().backward();
  auto after = tutti::gradients_of(holder);
  tutti::for_each_tensor(after, [&](auto const& t) {
    if (t.name == "0.weight") CHECK(static_cast<void*>(t.data.data()) == weight.grad().data_ptr());
    if (t.name == "1.running_var") CHECK(t.data[0] == 0);  // of its own: a sum over ranks must not reach the module's
  });
}

TEST_CASE("what is no dense block of numbers on the CPU is refused by one sentence with its name") {
  struct holds {
    torch::Tensor x;
  };
  holds fine{torch::zeros({2, 3}, torch::kDouble)};
  CHECK(refusal(fine) == "");
  holds empty{torch::zeros({0, 3})};
  CHECK(refusal(empty) == "");
  for (auto const& [odd, words] : std::vector<std::pair<torch::Tensor, std::string>>{
           {torch::zeros({2, 3}).t(), "tensor 'x' is a strided view"},
           {torch::zeros({2}, torch::kHalf), "tensor 'x' has elements of 2 bytes"},
           {torch::zeros({2}, torch::kBFloat16), "tensor 'x' has elements of 2 bytes"},
           {torch::zeros({2}, torch::kComplexFloat), "tensor 'x' has elements of 8 bytes that tutti does not know"},
           {torch::zeros({2}, torch::Device("meta")), "tensor 'x' is no block of this process's memory"},
           {torch::eye(3).to_sparse(), "tensor 'x' is no block of this process's memory"},
           {torch::Tensor(), "tensor 'x' is no block of this process's memory"}}) {
    holds model{odd};
    std::string const said = refusal(model);
    CHECK_MESSAGE(said.find(words) == 0, said);
    CHECK(said.find('\n') == std::string::npos);
  }
}

TEST_CASE("a module goes through data parallel, ZeRO and checkpoints by the lines that every kind of model takes") {
  torch::set_num_threads(1);
  kinds::train_everywhere(
      "libtorch",
      [] {
        torch::nn::Sequential layers(torch::nn::Linear(3, 5), torch::nn::BatchNorm1d(5), torch::nn::Linear(5, 2));
        torch::NoGradGuard const plain;
        for (auto& item : layers->named_parameters()) item.value().fill_(0.25);
        return layers;
      },
      [](torch::nn::Sequential& layers) { return tutti::gradients_of(layers); });
}

TEST_CASE("ZeRO 3 makes LibTorch's layers one after another, and keeps a part of each") {
  for (int const size : {1, 3})
    tutti::testing::run_ranks(size, [](communicator& world) {
      torch::set_num_threads(1);
      auto const layer = [](int i) {
        torch::nn::Linear made(3 + i, 4 + i);
        torch::NoGradGuard const plain;
        made->weight.fill_(1 + i);
        made->bias.fill_(2);
        return made;
      };
      auto zero = tutti::zero<3>(world, 2, layer, tutti::sgd{.lr = 0.5}, world.size());
      for (int i = 0; i < 2; ++i) {
        auto whole = layer(i);
        zero.gather(i, whole);
        whole->forward(torch::ones({1, 3 + i})).sum().backward();  // the gradient by every weight is 1
        zero.add(i, world.rank(), tutti::gradients_of(whole), 1);
        zero.reduce(i);
      }
      zero.step();
      for (int i = 0; i < 2; ++i) {
        auto whole = layer(i);
        zero.gather(i, whole);
        CHECK(torch::equal(whole->weight, torch::full({4 + i, 3 + i}, 1 + i - 0.5)));
        CHECK(torch::equal(whole->bias, torch::full({4 + i}, 1.5)));
      }
    });
}
