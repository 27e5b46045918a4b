// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/proof_order.hpp>

#include "specimen.hpp"

using namespace plan_cases;

TEST_CASE("messages that do not match are refused") {
  SUBCASE("a missing receive") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.erase(2, 0);
    s.refused("rank 0, step 1 (send to 2", "no receive meets this send");
  }
  SUBCASE("an extra send") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.plans[0].steps.push_back(s.step(0, 0));
    s.refused("rank 0, step 2 (send to 1", "no receive meets this send");
  }
  SUBCASE("a missing send") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.erase(0, 0);
    s.refused("rank 1, step 0 (recv from 0", "no send meets this receive");
  }
  SUBCASE("a stream that only one side opens, when no byte is sent") {
    specimen s(collective::broadcast, algorithm::star, 3, 0);
    s.erase(2, 0);
    s.refused("rank 0, step 1", "opens a stream");
    s = specimen(collective::broadcast, algorithm::star, 3, 0);
    s.erase(0, 1);
    s.refused("rank 2, step 0", "waits for a header");
  }
  SUBCASE("a wrong part") {
    specimen s(collective::broadcast, algorithm::direct, 4);
    s.step(1, 0).at = {buffer::output, 0, 2, 3};
    s.refused("rank 0, step 0", "a receive of other parts");
  }
  SUBCASE("a swapped order on one stream") {
    auto const sends = [](tp::writer& w) {
      w.send(1, w.part(0, buffer::output));
      w.send(1, w.part(1, buffer::output));
    };
    auto const receives = [](tp::writer& w) {
      w.recv(0, w.part(1, buffer::output));
      w.recv(0, w.part(0, buffer::output));
    };
    specimen const s(collective::broadcast, {sends, receives});
    s.refused("rank 0, step 0", "a receive of other parts");
  }
}

TEST_CASE("waiting in a circle is refused") {
  SUBCASE("two relays that wait for each other") {
    auto const relay = [](int peer) {
      return [peer](tp::writer& w) {
        w.recv(peer, w.all(buffer::output));
        w.send(peer, w.all(buffer::output));
      };
    };
    specimen const s(collective::broadcast, {nothing, relay(2), relay(1)});
    s.refused("rank", "deadlock: it waits for");
  }
  SUBCASE("a message that waits for the one behind it on the same stream") {
    auto const plans =
        [](bool well) {  // rank 1 sends back what it gets; rank 0 wants it back before, or after, it sends
          auto const first = [well](tp::writer& w) {
            auto const own = w.part(1, buffer::output), back = w.scratch(own);
            if (well) w.send(1, own);
            w.recv(1, back);
            w.send(1, back);
            if (!well) w.send(1, own);
            w.send(1, w.part(0, buffer::output));
          };
          auto const second = [well](tp::writer& w) {
            auto const got = w.part(1, buffer::output), back = w.scratch(got);
            if (!well) w.recv(0, back);
            w.recv(0, got);
            w.send(0, got);
            if (well) w.recv(0, back);
            w.recv(0, w.part(0, buffer::output));
          };
          return specimen(collective::broadcast, {first, second});
        };
    auto const good = plans(true);
    CHECK(verdict(good.plans, good.w, good.parts) == "proven");
    plans(false).refused("rank", "deadlock: it waits for");
  }
  SUBCASE("a window fed by two messages of one stream") {
    specimen s(collective::allreduce, algorithm::star, 2, 1000, {0, 1, 4});  // rank 1 sends [1,2) and [2,4)
    for (auto& row : s.plans[0].scratch) row.window = true;
    s.refused("rank", "deadlock: it must follow");
  }
  SUBCASE("a window whose fold also needs, whole, what comes after it on the stream") {
    specimen s(collective::allreduce, algorithm::star, 2, 1000, {0, 1, 4});
    for (auto& row : s.plans[0].scratch) row.window = !row.window;
    s.refused("rank", "deadlock");
  }
}

TEST_CASE("steps over the same bytes must be kept in order by the plan") {
  SUBCASE("an overwrite, its edge dropped") {
    specimen s(collective::allreduce, algorithm::star, 3);
    s.step(1, 1).after.clear();
    s.refused("rank 1, step 1 (recv from 0", "may overwrite what is still read by rank 1, step 0");
  }
  SUBCASE("a read that may come too early") {
    specimen s(collective::allreduce, algorithm::star, 3);
    s.step(0, 3).after.clear();
    s.refused("rank 0, step 3 (send to 1", "may read before the write of rank 0, step 2");
  }
  SUBCASE("an edge to a step that comes later") {
    specimen s(collective::allreduce, algorithm::star, 3);
    s.step(1, 0).after = {1};
    s.refused("rank 1, step 0", "not an earlier one");
  }
  SUBCASE("a way round, over steps that all touch the bytes, keeps them in order too") {
    auto const shuffle = [](tp::writer& w) {
      auto const a = w.scratch(w.all(buffer::output));
      w.copy(a, w.all(buffer::output));
      w.copy(w.all(buffer::output), a);
      w.copy(a, w.all(buffer::output));  // after the read of a (1) and the write of a (0)
    };
    specimen s(collective::broadcast, {shuffle});
    REQUIRE(s.step(0, 2).after == std::vector<std::uint32_t>{0, 1});
    s.step(0, 2).after = {1};
    CHECK(verdict(s.plans, s.w, s.parts) == "proven");
  }
  SUBCASE("a way round over a step that touches other bytes does not: watermarks are per byte") {
    auto const shuffle = [](tp::writer& w) {
      auto const a = w.scratch(w.all(buffer::output));
      w.copy(a, w.all(buffer::output));
      w.copy(w.part(0, buffer::output), w.part(0, buffer::scratch, a.row));
      w.copy(a, w.all(buffer::output));
    };
    auto const other = [](tp::writer& w) { w.recv(0, w.all(buffer::output)); };
    specimen s(collective::broadcast, {[&](tp::writer& w) {
                                         shuffle(w);
                                         w.send(1, w.all(buffer::output));
                                       },
                                       other});
    REQUIRE(s.step(0, 2).after == std::vector<std::uint32_t>{0, 1});
    CHECK(verdict(s.plans, s.w, s.parts) == "proven");
    s.step(0, 2).after = {1};
    s.refused("rank 0, step 2", "at part 1");
  }
}
