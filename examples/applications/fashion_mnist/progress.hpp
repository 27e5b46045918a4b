// SPDX-License-Identifier: BSL-1.0
// A progress bar on one line of the terminal; silent when stdout is no terminal or NO_COLOR is set.
#pragma once

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace fashion_mnist {

class progress {
 public:
  using clock = std::chrono::steady_clock;

  /// `label` stands before the bar, which is full at `total` steps. One process of a job should want it: rank 0.
  progress(std::string label, std::size_t total, bool wanted)
      : label_(std::move(label)), total_(total), shown_(wanted && total > 0 && terminal()) {}
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  ~progress() { clear(); }

  /// Redraws, at most ten times a second; `note` stands behind the rate. Cheap when nothing is due.
  template <class Note>
  void show(std::size_t done, Note&& note) {
    if (!shown_) return;
    auto const now = clock::now();
    if (now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    std::string const line = render(done, std::chrono::duration<double>(now - start_).count(), note());
    std::printf("\r\x1b[2K%s", line.c_str());
    std::fflush(stdout);
  }

  /// Removes the bar, so that a line of text can take its place.
  void clear() {
    if (shown_ && drawn_ != clock::time_point{}) std::printf("\r\x1b[2K");
    drawn_ = {};
  }

  /// "epoch 2/5:  34%|███▍      | 319/938 [00:03<00:06, 98.2it/s, <note>]"
  [[nodiscard]] std::string render(std::size_t done, double seconds, std::string const& note) const {
    static constexpr char const* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    constexpr std::size_t width = 10;
    std::size_t const filled = total_ == 0 ? 0 : done * width * 8 / total_;
    std::string bar;
    for (std::size_t i = 0; i < filled / 8; ++i) bar += "█";
    bar += eighths[filled % 8];
    bar.append(width - (filled + 7) / 8, ' ');
    double const rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    double const left = rate > 0 ? static_cast<double>(total_ - done) / rate : 0;
    char text[96];
    std::snprintf(text, sizeof text, "| %zu/%zu [%s<%s, %.1fit/s, ", done, total_, clock_text(seconds).c_str(),
                  clock_text(left).c_str(), rate);
    char percent[16];
    std::snprintf(percent, sizeof percent, ": %3zu%%|", total_ == 0 ? std::size_t{0} : done * 100 / total_);
    return label_ + percent + bar + text + note + "]";
  }

 private:
  static bool terminal() {
    char const* no_color = std::getenv("NO_COLOR");
    if (no_color != nullptr && *no_color != '\0') return false;
#if defined(_WIN32)
    return _isatty(_fileno(stdout)) != 0;
#else
    return isatty(STDOUT_FILENO) != 0;
#endif
  }
  static std::string clock_text(double seconds) {
    auto const whole = static_cast<unsigned long>(seconds);
    char text[48];
    std::snprintf(text, sizeof text, "%02lu:%02lu", whole / 60, whole % 60);
    return text;
  }

  std::string label_;
  std::size_t total_;
  bool shown_;
  clock::time_point start_ = clock::now();
  clock::time_point drawn_{};
};

}  // namespace fashion_mnist
