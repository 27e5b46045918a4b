// SPDX-License-Identifier: BSL-1.0
// One process, and one thread of it, at a time: a lock that is a file, and is free again when its holder dies.
#pragma once

#include <chrono>
#include <string>
#include <thread>

#include <tutti/core/version.hpp>
#include <tutti/data/file_window.hpp>

#if defined(_WIN32)
#include <share.h>
#include <stdio.h>
#else
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#endif

namespace tutti::inline TUTTI_ABI::detail {

/// Blocks until it holds the lock.
class file_lock {
 public:
#if defined(_WIN32)
  explicit file_lock(std::string const& path) {
    while ((file_ = ::_fsopen(path.c_str(), "w", _SH_DENYRW)) == nullptr) {
      if (errno != EACCES) throw_file(path, "opened");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  ~file_lock() { ::fclose(file_); }
#else
  explicit file_lock(std::string const& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0) throw_file(path, "opened");
    while (::flock(fd_, LOCK_EX) != 0)
      if (errno != EINTR) {
        int const code = errno;
        ::close(fd_);
        throw_file(path, "locked", code);
      }
  }
  ~file_lock() { ::close(fd_); }
#endif
  file_lock(file_lock const&) = delete;
  file_lock& operator=(file_lock const&) = delete;

 private:
#if defined(_WIN32)
  FILE* file_ = nullptr;
#else
  int fd_;
#endif
};

}  // namespace tutti::inline TUTTI_ABI::detail
