// SPDX-License-Identifier: BSL-1.0
// Your own element and your own operation. Matrix products do not commute: every rank's matrix is multiplied in rank
// order, whatever the algorithm, so the product is the one you would write down.
//
// Run: ./04_own_operation --np 4
// Output:
//   M0 M1 M2 M3 = [ 18 79 ; 49 215 ]
//   one rank at a time: [ 18 79 ; 49 215 ]
#include <cstdio>
#include <tutti/tutti.hpp>

struct matrix {
  long a, b, c, d;  // [ a b ; c d ]
};

matrix operator*(matrix const& x, matrix const& y) {
  return {x.a * y.a + x.b * y.c, x.a * y.b + x.b * y.d, x.c * y.a + x.d * y.c, x.c * y.b + x.d * y.d};
}

matrix of_rank(long r) { return r % 2 == 0 ? matrix{1, r + 1, 2, r + 3} : matrix{0, 1, 1, r + 1}; }

void print(char const* title, matrix const& m) { std::printf("%s [ %ld %ld ; %ld %ld ]\n", title, m.a, m.b, m.c, m.d); }

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    // A trivially copyable struct is a value; the operation says how two of them become one.
    matrix const product = allreduce(world, of_rank(world.rank()), [](matrix const& low, matrix const& high) {
      return low * high;  // `low` comes from the lower ranks
    });
    if (world.rank() == 0) {
      print("M0 M1 M2 M3 =", product);
      matrix serial = of_rank(0);
      for (int r = 1; r < world.size(); ++r) serial = serial * of_rank(r);
      print("one rank at a time:", serial);
    }
  });
}
