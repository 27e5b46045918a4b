// SPDX-License-Identifier: BSL-1.0
// Open MPI's operations on its types, applied along the bracket by MPI_Reduce_local, beside what an allreduce gives, in
// one process; and under mpirun its calls beside ours, in as many as it starts.
#include <doctest/doctest.h>
#include <mpi.h>
#include <unistd.h>

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

mpi const& started() {
  static mpi const all;
  return all;
}

/// The same ranks as MPI's.
tutti::communicator world_of_mpi(int rank, int size) {
  char root[64] = {};
  tutti::join_options how{};
  if (rank == 0) {
    auto [listener, address] = tutti::detail::listen_on_loopback(size);
    how.listener = ::dup(listener.get());
    address.copy(root, sizeof root - 1);
  }
  MPI_Bcast(root, sizeof root, MPI_CHAR, 0, MPI_COMM_WORLD);
  how.root = root;
  how.rank = rank;
  how.size = size;
  return tutti::join(how);
}

TEST_CASE("openmpi: its calls and ours leave the same numbers on every rank") {
  (void)started();
  int rank = 0, size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  auto world = world_of_mpi(rank, size);
  auto const p = static_cast<std::size_t>(size);
  using numbers = std::vector<std::int32_t>;
  auto const some = [&](std::size_t n) {
    numbers x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = element_of<std::int32_t>(rank, static_cast<int>(i));
    return x;
  };
  for (std::size_t const n : {std::size_t{0}, std::size_t{1}, p - 1, p, p + 1, std::size_t{10'000}}) {
    CAPTURE(n);
    int const count_of = static_cast<int>(n);
    numbers const one = some(n), all = some(n * p);
    numbers a = one, b = one;
    scan(world, a);
    MPI_Scan(one.data(), b.data(), count_of, MPI_INT32_T, MPI_SUM, MPI_COMM_WORLD);
    CHECK(a == b);
    a = b = one;
    exscan(world, a, tutti::prod);
    MPI_Exscan(one.data(), b.data(), count_of, MPI_INT32_T, MPI_PROD, MPI_COMM_WORLD);
    if (rank > 0) CHECK(a == b);  // MPI leaves rank 0 open
    a = b = numbers(n * p);
    alltoall(world, all, a);
    MPI_Alltoall(all.data(), count_of, MPI_INT32_T, b.data(), count_of, MPI_INT32_T, MPI_COMM_WORLD);
    CHECK(a == b);
    a = b = numbers(n * p);
    allgather(world, one, a);
    MPI_Allgather(one.data(), count_of, MPI_INT32_T, b.data(), count_of, MPI_INT32_T, MPI_COMM_WORLD);
    CHECK(a == b);
    a = b = numbers(n);
    reduce_scatter(world, all, a);
    MPI_Reduce_scatter_block(all.data(), b.data(), count_of, MPI_INT32_T, MPI_SUM, MPI_COMM_WORLD);
    CHECK(a == b);
    for (int root = 0; root < size; ++root) {
      a = b = numbers(n);
      scatter(world, all, a, root);
      MPI_Scatter(all.data(), count_of, MPI_INT32_T, b.data(), count_of, MPI_INT32_T, root, MPI_COMM_WORLD);
      CHECK(a == b);
      a = b = numbers(n * p);
      gather(world, one, a, root);
      MPI_Gather(one.data(), count_of, MPI_INT32_T, b.data(), count_of, MPI_INT32_T, root, MPI_COMM_WORLD);
      CHECK(a == b);
      a = b = one;
      reduce(world, a, tutti::max, root);
      MPI_Reduce(one.data(), b.data(), count_of, MPI_INT32_T, MPI_MAX, root, MPI_COMM_WORLD);
      CHECK(a == b);
    }
    // Uneven: rank s sends rank d (s + 2d) % 3 * n numbers.
    std::vector<int> to(p), to_at(p), from(p), from_at(p);
    tutti::ragged<std::int32_t> out;
    for (std::size_t q = 0; q < p; ++q) {
      auto const r = static_cast<std::size_t>(rank);
      to[q] = static_cast<int>((r + 2 * q) % 3 * n);
      from[q] = static_cast<int>((q + 2 * r) % 3 * n);
      if (q > 0) to_at[q] = to_at[q - 1] + to[q - 1];
      if (q > 0) from_at[q] = from_at[q - 1] + from[q - 1];
      out.push_back(some(static_cast<std::size_t>(to[q])));
    }
    auto const in = alltoall(world, out);
    b = numbers(static_cast<std::size_t>(from_at[p - 1] + from[p - 1]));
    MPI_Alltoallv(out.values.data(), to.data(), to_at.data(), MPI_INT32_T, b.data(), from.data(), from_at.data(),
                  MPI_INT32_T, MPI_COMM_WORLD);
    CHECK(in.values == b);
  }
}

TEST_CASE("openmpi: the operations both have mean the same, bit by bit") {
  (void)started();
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
