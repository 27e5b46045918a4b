// SPDX-License-Identifier: BSL-1.0
// Open MPI's operations on its types, applied along the bracket by MPI_Reduce_local, beside what an allreduce gives.
// One process: no launcher is needed.
#include <doctest/doctest.h>
#include <mpi.h>

#include <complex>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <tutti/tutti.hpp>

namespace {

constexpr int ranks = 5;
constexpr int count = 300;

struct mpi {
  mpi() { MPI_Init(nullptr, nullptr); }
  mpi(mpi const&) = delete;
  mpi& operator=(mpi const&) = delete;
  ~mpi() { MPI_Finalize(); }
};

/// As Open MPI lays its pairs out.
template <class T>
struct pair_of {
  T value;
  int index;
};

template <class T>
T element_of(int r, int i) {
  std::uint64_t h = static_cast<std::uint64_t>(r * 1000 + i + 1) * 0x9e3779b97f4a7c15U;
  h = (h ^ h >> 29U) * 0x94d049bb133111ebU;
  if constexpr (std::is_same_v<T, bool>)
    return h >> 40U & 1U;
  else if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(static_cast<std::int64_t>(h)) / static_cast<T>(1U << (h & 31U));
  else if constexpr (tutti::detail::is_complex<T>)
    return {element_of<typename T::value_type>(r, i), element_of<typename T::value_type>(r + 9, i)};
  else if constexpr (std::is_integral_v<T> && sizeof(T) <= 2)
    return static_cast<T>(h >> 40U & 15U);  // Open MPI's sums of 8 and 16 bits saturate, ours wrap around
  else if constexpr (std::is_integral_v<T> || std::is_same_v<T, std::byte>)
    return static_cast<T>(h >> (h & 31U));
  else
    return {static_cast<decltype(T::value)>(h >> 20U & 3U), static_cast<int>(h >> 40U & 15U)};
}

template <class T>
std::vector<std::byte> brought(int r) {
  std::vector<std::byte> bytes(count * sizeof(T));
  for (std::size_t i = 0; i < count; ++i) {
    T const x = element_of<T>(r, static_cast<int>(i));
    std::memcpy(bytes.data() + i * sizeof(T), &x, sizeof x);
  }
  return bytes;
}

template <class T>
bool same(T const& a, T const& b) {
  if constexpr (requires { a.index; })
    return a.value == b.value && a.index == b.index;
  else
    return a == b || (a != a && b != b);
}

template <class T, class Op>
void compare(Op op, MPI_Datatype type, MPI_Op theirs) {
  auto const fold = [&](auto const& self, int first, int last) -> std::vector<std::byte> {
    if (last - first == 1) return brought<T>(first);
    int left = 1;
    while (left * 2 < last - first) left *= 2;
    auto const low = self(self, first, first + left);
    auto high = self(self, first + left, last);
    REQUIRE(MPI_Reduce_local(low.data(), high.data(), count, type, theirs) == MPI_SUCCESS);  // high = low ∘ high
    return high;
  };
  auto const expected = fold(fold, 0, ranks);
  tutti::testing::run_ranks(ranks, [&](tutti::communicator& world) {
    auto const mine = brought<T>(world.rank());
    auto const x = std::make_unique<T[]>(count);
    std::memcpy(static_cast<void*>(x.get()), mine.data(), mine.size());
    allreduce(world, std::span<T>(x.get(), count), op);
    int wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
      T theirs_i;
      std::memcpy(static_cast<void*>(&theirs_i), expected.data() + i * sizeof(T), sizeof theirs_i);
      wrong += !same(x[i], theirs_i);
    }
    INFO(tutti::op_name(tutti::op_code<Op>) << " of " << tutti::element_name(tutti::element_code<T>()));
    CHECK(wrong == 0);
  });
}

template <class T>
void numbers(MPI_Datatype type) {
  compare<T>(tutti::sum, type, MPI_SUM);
  compare<T>(tutti::prod, type, MPI_PROD);
  compare<T>(tutti::min, type, MPI_MIN);
  compare<T>(tutti::max, type, MPI_MAX);
}
template <class T>
void integers(MPI_Datatype type) {
  numbers<T>(type);
  compare<T>(tutti::bit_and, type, MPI_BAND);
  compare<T>(tutti::bit_or, type, MPI_BOR);
  compare<T>(tutti::bit_xor, type, MPI_BXOR);
  compare<T>(tutti::logical_and, type, MPI_LAND);
  compare<T>(tutti::logical_or, type, MPI_LOR);
}
template <class T>
void places(MPI_Datatype type) {
  compare<pair_of<T>>(tutti::minloc, type, MPI_MINLOC);
  compare<pair_of<T>>(tutti::maxloc, type, MPI_MAXLOC);
}

TEST_CASE("openmpi: the operations both have mean the same, bit by bit") {
  static mpi const started;
  integers<std::int8_t>(MPI_INT8_T);
  integers<std::uint16_t>(MPI_UINT16_T);
  integers<std::int32_t>(MPI_INT32_T);
  integers<std::int64_t>(MPI_INT64_T);
  integers<std::uint64_t>(MPI_UINT64_T);
  numbers<float>(MPI_FLOAT);
  numbers<double>(MPI_DOUBLE);
  compare<long double>(tutti::sum, MPI_LONG_DOUBLE, MPI_SUM);
  compare<std::complex<float>>(tutti::sum, MPI_C_FLOAT_COMPLEX, MPI_SUM);
  compare<std::complex<double>>(tutti::sum, MPI_C_DOUBLE_COMPLEX, MPI_SUM);
  compare<std::byte>(tutti::bit_xor, MPI_BYTE, MPI_BXOR);
  compare<bool>(tutti::logical_and, MPI_C_BOOL, MPI_LAND);
  compare<bool>(tutti::logical_or, MPI_C_BOOL, MPI_LOR);
  places<float>(MPI_FLOAT_INT);
  places<double>(MPI_DOUBLE_INT);
  places<int>(MPI_2INT);
}

}  // namespace
