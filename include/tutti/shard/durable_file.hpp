// SPDX-License-Identifier: BSL-1.0
// Files that are still there after the power went: what saving needs of the operating system is here alone.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/file_window.hpp>
#include <tutti/shard/crc32.hpp>

#include <fcntl.h>
#if defined(_WIN32)
#include <io.h>
#include <sys/stat.h>
#else
#include <unistd.h>
#endif

namespace tutti::inline TUTTI_ABI::detail {

/// Each throws `resource` with the system's words. What was written counts as stored only after sync(), a new name only
/// after sync_directory(). A test may put another type of these functions in its place, to count them and to stop
/// there.
struct durable_files {
#if defined(_WIN32)
  static int create(std::string const& path) {
    int const fd = ::_open(path.c_str(), _O_WRONLY | _O_CREAT | _O_TRUNC | _O_BINARY, _S_IREAD | _S_IWRITE);
    if (fd < 0) throw_file(path, "created");
    return fd;
  }
  static std::ptrdiff_t write_some(int fd, const_bytes data) {
    return ::_write(fd, data.data(), static_cast<unsigned>(data.size() < (1U << 30U) ? data.size() : 1U << 30U));
  }
  static bool flush(int fd) { return ::_commit(fd) == 0; }
  static void close(int fd) noexcept { ::_close(fd); }
  static void sync_directory(std::string const&) {}  // NTFS keeps a journal of names
#else
  static int create(std::string const& path) {
    int const fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) throw_file(path, "created");
    return fd;
  }
  static std::ptrdiff_t write_some(int fd, const_bytes data) { return ::write(fd, data.data(), data.size()); }
  static bool flush(int fd) { return ::fsync(fd) == 0; }
  static void close(int fd) noexcept { ::close(fd); }
  static void sync_directory(std::string const& path) {
    int const fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) throw_file(path, "opened");
    bool const done = ::fsync(fd) == 0 || errno == EINVAL;  // EINVAL: a file system that has no such need
    int const code = errno;
    ::close(fd);
    if (!done) throw_file(path, "stored", code);
  }
#endif
  static void write(int fd, std::string const& path, const_bytes data) {
    while (!data.empty()) {
      std::ptrdiff_t const n = write_some(fd, data);
      if (n < 0 && errno != EINTR) throw_file(path, "written");
      if (n > 0) data = data.subspan(static_cast<std::size_t>(n));
    }
  }
  static void sync(int fd, std::string const& path) {
    if (!flush(fd)) throw_file(path, "stored");
  }
  static void rename(std::string const& from, std::string const& to) {
    std::error_code problem;
    std::filesystem::rename(from, to, problem);
    if (problem) throw error(error_kind::resource, to + " cannot be put in place: " + problem.message());
  }
  static void remove(std::string const& path) noexcept {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

/// A new file, written in blocks with a checksum each. Unless it comes to finish(), it is removed again.
template <class Files>
class durable_file {
 public:
  static constexpr std::size_t block = std::size_t{1} << 20U;

  explicit durable_file(std::string path) : path_(std::move(path)), fd_(Files::create(path_)) {}
  durable_file(durable_file const&) = delete;
  durable_file& operator=(durable_file const&) = delete;
  ~durable_file() {
    if (fd_ < 0) return;
    Files::close(fd_);
    Files::remove(path_);
  }

  void append(const_bytes data) {
    size_ += data.size();
    while (!data.empty()) {
      if (pending_.empty() && data.size() >= block) {
        put(data.first(block));
        data = data.subspan(block);
      } else {
        auto const part = data.first(block - pending_.size() < data.size() ? block - pending_.size() : data.size());
        pending_.insert(pending_.end(), part.begin(), part.end());
        data = data.subspan(part.size());
        if (pending_.size() == block) put_pending();
      }
    }
  }
  /// Blocks until the contents are stored. The name is not, before the directory is.
  void finish() {
    if (!pending_.empty()) put_pending();
    Files::sync(fd_, path_);
    Files::close(std::exchange(fd_, -1));
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Of every block of the finished file, the last one perhaps shorter.
  [[nodiscard]] std::vector<std::uint32_t> const& sums() const noexcept { return sums_; }

 private:
  void put(const_bytes whole) {
    sums_.push_back(crc32(whole));
    Files::write(fd_, path_, whole);
  }
  void put_pending() {
    put(pending_);
    pending_.clear();
  }

  std::string path_;
  int fd_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> pending_;
  std::vector<std::uint32_t> sums_;
};

}  // namespace tutti::inline TUTTI_ABI::detail
