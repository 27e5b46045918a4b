// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/proof_shape.hpp>

#include "specimen.hpp"

using namespace plan_cases;

TEST_CASE("a window is filled by one receive and read by one later fold") {
  specimen s(collective::reduce, algorithm::star, 3);  // rank 0: recv, recv, fold
  auto const a = s.step(0, 0).at;
  SUBCASE("read twice") {
    s.plans[0].steps.push_back(s.step(0, 2));
    s.refused("rank 0, step 3", "read twice");
  }
  SUBCASE("filled twice") {
    s.step(0, 1).at = a;
    s.refused("rank 0, step 1", "filled twice");
  }
  SUBCASE("read before it is filled") {
    std::swap(s.plans[0].steps[1], s.plans[0].steps[2]);
    s.refused("rank 0, step 1", "before it is filled");
  }
  SUBCASE("never read") {
    s.step(0, 2).sources.erase(s.step(0, 2).sources.begin() + 1);
    s.refused("rank 0, step 0", "never read");
  }
  SUBCASE("filled in part") {
    s.step(0, 0).at.last = 2;
    s.refused("rank 0, step 0", "filled in part");
  }
  SUBCASE("read in part") {
    auto& fold = s.step(0, 2);
    fold.at.last = 2;
    for (auto& f : fold.sources) f.from.last = 2;
    s.refused("rank 0, step 2", "is read in part");
  }
  SUBCASE("sent on") {
    s.plans[0].steps.push_back({tp::verb::send, 1, a, {}, {0}});
    s.refused("rank 0, step 3", "only a fold may read it");
  }
  SUBCASE("never filled") {
    s.plans[0].scratch.push_back({0, 3, true});
    s.refused("rank 0", "nothing fills");
  }
}

TEST_CASE("blocks out of bounds, messages to oneself and writes to the input are refused") {
  SUBCASE("self send") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.step(0, 0).peer = 0;
    s.refused("rank 0, step 0", "itself");
  }
  SUBCASE("a peer that is no rank") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.step(0, 0).peer = 3;
    s.refused("rank 0, step 0", "peer is out of range");
  }
  SUBCASE("a part too many") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.step(0, 0).at.last = 4;
    s.refused("rank 0, step 0", "out of bounds");
  }
  SUBCASE("a part of another rank, where only one's own is bound") {
    specimen s(collective::scatter, algorithm::star, 3);
    s.step(1, 0).at = {buffer::output, 0, 0, 1};
    s.refused("rank 1, step 0", "out of bounds");
  }
  SUBCASE("a source too far") {
    specimen s(collective::reduce, algorithm::star, 3);
    s.step(0, 2).sources[1].from.row = 7;
    s.refused("rank 0, step 2", "out of bounds");
  }
  SUBCASE("a source of other parts") {
    specimen s(collective::reduce, algorithm::star, 3);
    s.step(0, 2).sources[1].from.last = 2;
    s.refused("rank 0, step 2", "spans other parts");
  }
  SUBCASE("input written") {
    specimen s(collective::gather, algorithm::star, 3);
    s.step(0, 2).at.where = buffer::input;
    s.refused("rank 0, step 2", "input is written");
  }
}

TEST_CASE("plans of another rank, size or cut are refused") {
  specimen s(collective::allreduce, algorithm::star, 3);
  SUBCASE("rank") {
    std::swap(s.plans[0], s.plans[1]);
    s.refused("rank 0", "another rank or size");
  }
  SUBCASE("cut") {
    s.plans[2].parts = tp::cut::given;
    s.refused("rank 2", "cuts the parts unlike rank 0");
  }
  SUBCASE("slot cuts") {
    s.w.cuts = {0, 2, 1, 3};
    s.refused("cuts", "must rise");
  }
}
