// SPDX-License-Identifier: BSL-1.0
// Counts the words of files on any number of processes: each reads its own part of every file, and each word's counts
// meet on one of them.
//
// Run: ./wordcount --np 4 --svg words.svg /usr/share/common-licenses
//
// Any number of processes prints the same last line, which is that of a serial count.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tutti/data.hpp>
#include <vector>

#include "../fashion_mnist/progress.hpp"

namespace wordcount {

namespace fs = std::filesystem;

using count = tutti::key_value<std::string, std::uint64_t>;

bool more_frequent(count const& a, count const& b) { return a.value != b.value ? a.value > b.value : a.key < b.key; }

/// Calls each(word): runs of letters and of whatever is not ASCII, in lower case.
template <class Each>
void for_each_word(std::string_view line, Each each) {
  std::string word;
  for (char const c : line) {
    bool const upper = c >= 'A' && c <= 'Z';
    if (upper || (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80) {
      word += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!word.empty()) {
      each(std::string_view(word));
      word.clear();
    }
  }
  if (!word.empty()) each(std::string_view(word));
}

/// The files among `paths` and in the directories among them, without following links inside these.
std::vector<std::string> files_in(std::vector<std::string> const& paths) {
  std::vector<std::string> files;
  for (std::string const& path : paths) {
    if (!fs::exists(path)) throw std::runtime_error(path + " does not exist");
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (auto const& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && !entry.is_symlink()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) throw std::runtime_error("there is no file in " + paths.front());
  return files;
}

/// Bars of the most frequent words.
void draw(std::string const& path, std::vector<count> const& top) {
  std::ofstream svg(path);
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"" << 24 * top.size() + 16
      << "\" font-family=\"sans-serif\" font-size=\"14\">\n";
  for (std::size_t i = 0; i < top.size(); ++i) {
    double const width = 420 * static_cast<double>(top[i].value) / static_cast<double>(top[0].value);
    auto const y = 24 * i + 8;
    svg << "<text x=\"132\" y=\"" << y + 15 << "\" text-anchor=\"end\" fill=\"#777\">" << top[i].key << "</text>"
        << "<rect x=\"140\" y=\"" << y << "\" width=\"" << width << "\" height=\"20\" fill=\"#4878a8\"/>"
        << "<text x=\"" << 146 + width << "\" y=\"" << y + 15 << "\" fill=\"#777\">" << top[i].value << "</text>\n";
  }
  svg << "</svg>\n";
  if (!svg.flush()) throw std::runtime_error(path + " cannot be written");
}

void print(std::vector<count> const& top, std::uint64_t words) {
  std::printf("%4s  %-20s %10s %7s\n", "", "word", "count", "share");
  for (std::size_t i = 0; i < top.size(); ++i) {
    std::string bar;
    for (std::uint64_t b = 0; b < 20 * top[i].value / top[0].value; ++b) bar += "█";
    std::printf("%4zu  %-20s %10" PRIu64 " %6.2f%%  %s\n", i + 1, top[i].key.c_str(), top[i].value,
                100 * static_cast<double>(top[i].value) / static_cast<double>(words), bar.c_str());
  }
}

void run(tutti::communicator& world, std::vector<std::string> const& files, std::size_t top_size,
         std::string const& svg) {
  auto const start = std::chrono::steady_clock::now();
  fashion_mnist::progress bar("files", files.size(), world.rank() == 0);
  std::size_t done = 0;
  auto const words_of = [&](std::string const& file, auto const& emit) {
    tutti::text_source lines(file, tutti::split_records(file, world.size(), world.rank()));
    for (std::uint64_t at = 0; at < lines.size(); at += 1024)
      for (std::string const& line : lines.read({at, (std::min)(at + 1024, lines.size())}))
        for_each_word(line, [&](std::string_view word) { emit(word, 1); });
    bar.show(++done, [&] { return file; });
  };
  auto counts = tutti::map_reduce<std::string, std::uint64_t>(world, files, words_of, std::plus<>());
  bar.clear();

  std::uint64_t totals[3] = {0, counts.size(), 0};  // words, different ones, and a sum over (word, count)
  for (count const& c : counts) {
    totals[0] += c.value;
    totals[2] += tutti::hash_key(c.key + '=' + std::to_string(c.value));
  }
  allreduce(world, totals);

  std::sort(counts.begin(), counts.end(), more_frequent);
  counts.resize((std::min)(counts.size(), top_size));
  std::vector<count> top;
  for (auto const& of_rank : gather(world, counts)) top.insert(top.end(), of_rank.begin(), of_rank.end());
  if (world.rank() != 0) return;
  std::sort(top.begin(), top.end(), more_frequent);
  top.resize((std::min)(top.size(), top_size));
  print(top, totals[0]);
  if (!svg.empty() && !top.empty()) draw(svg, top);
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - start;
  std::printf("%zu files on %d processes in %.2f s\n", files.size(), world.size(), took.count());
  std::printf("words=%" PRIu64 " different=%" PRIu64 " hash=%016" PRIx64 "\n", totals[0], totals[1], totals[2]);
}

}  // namespace wordcount

int main(int argc, char** argv) {
  std::vector<std::string> paths{"/usr/share/common-licenses"};
  std::size_t top = 20;
  std::string svg, processes;  // the latter is read by tutti::run, named here for --help
  CLI::App app{"Counts the words of text files on any number of processes."};
  app.option_defaults()->always_capture_default();
  app.add_option("paths", paths, "files and directories");
  app.add_option("--top", top, "how many words to show")->check(CLI::Range(1, 1000));
  app.add_option("--svg", svg, "file for a picture of them")->type_name("FILE");
  app.add_option("--np", processes, "processes on this host; without it, one")->type_name("N")->default_str("");
  std::vector<std::string> files;
  try {
    app.parse(argc, argv);
    files = wordcount::files_in(paths);
  } catch (CLI::CallForHelp const& help) {
    return app.exit(help);
  } catch (CLI::ParseError const& e) {
    std::fprintf(stderr, "wordcount: %s (--help shows the options)\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "wordcount: %s\n", e.what());
    return 1;
  }
  return tutti::run(argc, argv, [&](tutti::communicator& world) { wordcount::run(world, files, top, svg); });
}
