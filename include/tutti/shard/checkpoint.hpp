// SPDX-License-Identifier: BSL-1.0
// save and load: the state of a training job as a directory that is always the whole old state or the whole new one,
// and that a world of any size can read.
//
// Every rank writes its part to a file of its own under a new name and has it stored; only then rank 0 writes the
// manifest that names these files beside the old one, has it stored, and renames it into place. That rename is the one
// moment at which the state changes. Files that no manifest names are removed after it.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/gather.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/explain.hpp>
#include <tutti/shard/checkpoint_reader.hpp>
#include <tutti/shard/durable_file.hpp>
#include <tutti/shard/manifest.hpp>
#include <tutti/shard/state_tensors.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// The generation in the name of a data file, "shard-<generation>-<rank>"; 0 for any other name.
[[nodiscard]] inline std::uint64_t generation_of(std::string_view name) {
  std::uint64_t generation = 0;
  unsigned rank = 0;
  if (!name.starts_with("shard-")) return 0;
  char const* const end = name.data() + name.size();
  auto const [dash, problem] = std::from_chars(name.data() + 6, end, generation);
  if (problem != std::errc() || dash == end || *dash != '-') return 0;
  auto const [last, other] = std::from_chars(dash + 1, end, rank);
  return other == std::errc() && last == end ? generation : 0;
}

/// Calls f(name, generation) for every data file of the directory.
template <class F>
void for_each_data_file(std::string const& path, F f) {
  std::error_code problem;
  for (std::filesystem::directory_iterator at(path, problem), end; !problem && at != end; at.increment(problem)) {
    std::string const name = at->path().filename().string();
    if (std::uint64_t const generation = detail::generation_of(name); generation > 0) f(name, generation);
  }
}

/// Makes the directory if there is none; a number that no file there has.
[[nodiscard]] inline std::uint64_t next_generation(std::string const& path) {
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  if (!std::filesystem::is_directory(path))
    throw error(error_kind::resource, path + " is no directory, and cannot be made one: " + problem.message());
  std::uint64_t last = 0;
  detail::for_each_data_file(path, [&](std::string const&, std::uint64_t g) { last = g > last ? g : last; });
  return last + 1;
}

[[nodiscard]] inline std::uint64_t hash_of_table(std::vector<state_tensor> const& tensors) {
  fnv1a hash;
  for (auto const& t : tensors) hash.add(manifest_line(t.what));
  return hash.value();
}

/// Calls f(tensor, which of its numbers, their bytes) for what rank `rank` of `size` writes: its parts, and of all that
/// is replicated one contiguous share by bytes.
template <class F>
void for_each_share(std::vector<state_tensor> const& tensors, int rank, int size, F f) {
  std::uint64_t total = 0;
  for (auto const& t : tensors)
    if (t.replicated) total += t.what.size() * t.what.width;
  auto const r = static_cast<std::uint64_t>(rank);
  auto const p = static_cast<std::uint64_t>(size);
  auto const cut = [&](std::uint64_t i) { return total / p * i + total % p * i / p; };
  std::uint64_t const from = cut(r);
  std::uint64_t const to = cut(r + 1);
  std::uint64_t begin = 0;  // of the tensor, in the row of all replicated bytes
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    auto const& one = tensors[t];
    auto const width = one.what.width;
    auto const give = [&](checkpoint::slice const& which, std::byte const* at) {
      if (which.count() > 0) f(t, which, const_bytes(at, static_cast<std::size_t>(which.count() * width)));
    };
    if (!one.replicated) {
      one.each(give);
      continue;
    }
    std::uint64_t const n = one.what.size();
    auto const first_at = [&](std::uint64_t byte) {  // the first number that begins there or later
      std::uint64_t const i = byte <= begin ? 0 : (byte - begin + width - 1) / width;
      return i < n ? i : n;
    };
    std::uint64_t const first = first_at(from);
    give(checkpoint::slice::range(first, first_at(to) - first), one.data + first * width);
    begin += n * width;
  }
}

/// What a rank tells rank 0: what it wrote, or what went wrong.
struct saved_share {
  std::uint64_t table = 0;
  saved_file file{};
  std::vector<saved_piece> pieces{};
  std::uint8_t kind = 0;
  std::string problem{};
};

template <class Files>
void write_share(std::string const& path, std::uint64_t generation, std::vector<state_tensor> const& tensors, int rank,
                 int size, saved_share& mine) {
  mine.file.name = "shard-" + std::to_string(generation) + "-" + std::to_string(rank);
  std::optional<durable_file<Files>> out;
  detail::for_each_share(tensors, rank, size, [&](std::size_t t, checkpoint::slice const& which, const_bytes data) {
    if (!out) out.emplace(path + "/" + mine.file.name);
    mine.pieces.push_back({t, static_cast<std::size_t>(rank), out->size(), which});
    out->append(data);
  });
  if (!out) return;
  out->finish();
  Files::sync_directory(path);
  mine.file.size = out->size();
  mine.file.sums = out->sums();
}

/// Rank 0 puts the shares together. Of equal parts that several ranks hold, the first rank's is named.
[[nodiscard]] inline std::string joined_manifest(std::string const& path, std::vector<state_tensor> const& tensors,
                                                 std::vector<saved_share> const& shares) {
  manifest all;
  std::string text(manifest_head);
  for (auto const& t : tensors) {
    text += manifest_line(t.what);
    all.tensors.push_back(t.what);
  }
  std::vector<std::vector<checkpoint::slice>> parts(tensors.size());
  for (std::size_t r = 0; r < shares.size(); ++r) {
    auto const& share = shares[r];
    if (!share.problem.empty())
      throw error(static_cast<error_kind>(share.kind), path + ": rank " + std::to_string(r) + ": " + share.problem);
    if (share.table != shares[0].table)
      throw error(error_kind::config,
                  path + ": the states of rank 0 and rank " + std::to_string(r) +
                      " have different tensors: give all ranks the same names and shapes, and parts as such");
    std::string lines;
    for (auto const& one : share.pieces) {
      auto& known = parts[one.tensor];
      if (std::find(known.begin(), known.end(), one.what) != known.end()) continue;
      known.push_back(one.what);
      all.pieces.push_back(one);
      lines += manifest_line(one);
    }
    if (!lines.empty()) text += manifest_line(share.file) + lines;
  }
  check_cover(path, all);
  return sealed(std::move(text));
}

template <class Files>
void commit(std::string const& path, std::string const& text) {
  std::string const draft = detail::manifest_path(path) + ".part";
  durable_file<Files> file(draft);
  file.append(std::as_bytes(std::span<char const>(text)));
  file.finish();
  Files::rename(draft, detail::manifest_path(path));
  Files::sync_directory(path);
}

template <class T>
struct verdict {
  std::uint8_t kind = 0;
  std::string problem{};
  T value{};
};

/// f() of rank 0 on every rank: what it returns, or the error that it throws.
template <class T, transport::streams S, class F>
[[nodiscard]] T from_first_rank(basic_communicator<S>& comm, options const& how, F f) {
  verdict<T> said;
  if (comm.rank() == 0) {
    try {
      said.value = f();
    } catch (error const& e) {
      said = {static_cast<std::uint8_t>(e.kind()), e.what(), {}};
    }
  }
  broadcast(comm, said, how);
  if (!said.problem.empty()) throw error(static_cast<error_kind>(said.kind), said.problem);
  return std::move(said.value);
}

/// What each wanted tensor is called in the checkpoint; throws config if it cannot become what was saved.
[[nodiscard]] inline std::vector<std::size_t> matched(std::string const& path, checkpoint::reader const& from,
                                                      std::vector<state_tensor>& wanted) {
  std::vector<std::size_t> where;
  for (auto& want : wanted) {
    auto const at = from.find(want.what.name);
    if (!at) throw error(error_kind::config, path + " has no tensor '" + want.what.name + "'");
    auto const& saved = from.tensors()[*at];
    if (want.growable && saved.shape.size() == want.what.shape.size()) {
      want.what.shape[0] = saved.shape[0];
      want.mine = {checkpoint::slice::range(0, want.what.size())};
    }
    bool const nothing = want.or_nothing && saved.size() == 0 && saved.element == want.what.element;
    if (nothing) want.mine.clear();
    if (saved != want.what && !nothing)
      throw error(error_kind::config, path + ": tensor '" + saved.name + "' was saved as " + saved.element + " (" +
                                          shape_text(saved.shape) + "), here it is " + want.what.element + " (" +
                                          shape_text(want.what.shape) + ")");
    where.push_back(*at);
  }
  return where;
}

}  // namespace tutti::inline TUTTI_ABI::detail

namespace tutti::inline TUTTI_ABI::checkpoint {

/// Replaces what the directory `path` holds by `state`. Collective; returns when the new state is stored. At every
/// moment, whatever dies, the directory holds the old state or the new one. All ranks see one directory.
///
/// `state` is any model: its tensors, equal on all ranks, are written once, an even share by each rank; a `part` is
/// written by the rank that holds it. What is no tensor (text) is not saved. If it fails on one rank (disk full), every
/// rank throws the same, and the old state stays. `how.timeout` bounds the wait for the slowest disk.
template <class Files = detail::durable_files, transport::streams S, class M>
void save(std::string const& path, M const& state, basic_communicator<S>& comm, options how = {}) {
  how.root = 0;
  auto const generation =
      detail::from_first_rank<std::uint64_t>(comm, how, [&] { return detail::next_generation(path); });
  std::vector<detail::state_tensor> tensors;
  detail::saved_share mine;
  try {
    tensors = detail::tensors_of_state(state);
    mine.table = detail::hash_of_table(tensors);
    detail::write_share<Files>(path, generation, tensors, comm.rank(), comm.size(), mine);
  } catch (error const& e) {
    mine.kind = static_cast<std::uint8_t>(e.kind());
    mine.problem = e.what();
  }
  auto const shares = gather(comm, mine, how);
  (void)detail::from_first_rank<bool>(comm, how, [&] {
    detail::commit<Files>(path, detail::joined_manifest(path, tensors, shares));
    return true;
  });
  if (comm.rank() != 0) return;
  detail::for_each_data_file(path, [&](std::string const& name, std::uint64_t g) {
    if (g != generation) Files::remove(path + "/" + name);
  });
}

/// Fills `state` from a checkpoint that a world of any size has saved: every tensor it has, by name, from the saved one
/// of the same element and shape. Vectors of numbers (an optimiser's memory) take the length they were saved with;
/// a `part` takes the numbers it stands for. What else the checkpoint holds is left there. Collective; each rank reads
/// the blocks it needs. Throws on every rank the same, having changed nothing: resource if there is no checkpoint,
/// protocol if a file is damaged, config if a tensor is missing or of another kind.
template <transport::streams S, class M>
void load(std::string const& path, M&& state, basic_communicator<S>& comm, options how = {}) {
  how.root = 0;
  auto const text = detail::from_first_rank<std::string>(comm, how, [&] { return detail::manifest_text(path); });
  std::optional<reader> from;
  std::vector<detail::state_tensor> wanted;
  std::vector<std::size_t> where;
  detail::verdict<bool> mine;
  try {
    from.emplace(path, text);
    wanted = detail::tensors_of_state(state);
    where = detail::matched(path, *from, wanted);
    for (std::size_t i = 0; i < wanted.size(); ++i)
      for (auto const& which : wanted[i].mine) from->check(where[i], which);
  } catch (error const& e) {
    mine = {static_cast<std::uint8_t>(e.kind()), e.what(), false};
  }
  auto const all = gather(comm, mine, how);
  (void)detail::from_first_rank<bool>(comm, how, [&] {
    for (std::size_t r = 0; r < all.size(); ++r)
      if (!all[r].problem.empty())
        throw error(static_cast<error_kind>(all[r].kind), "rank " + std::to_string(r) + ": " + all[r].problem);
    return true;
  });
  auto const sized = detail::tensors_of_state(state, &*from);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    wanted[i].data = sized[i].data;
    wanted[i].each([&](slice const& which, std::byte* to) { from->copy(where[i], which, to); });
  }
}

}  // namespace tutti::inline TUTTI_ABI::checkpoint
