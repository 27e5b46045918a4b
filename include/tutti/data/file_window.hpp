// SPDX-License-Identifier: BSL-1.0
// A file seen through one window at a time, so that a file larger than the address space can be read in place. What
// the sources need of the operating system is here and in file_lock.hpp alone.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>

#if defined(_WIN32)
#include <fstream>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace tutti::inline TUTTI_ABI::detail {

/// Throws: "<path> cannot be <what>: <the system's words>".
[[noreturn]] inline void throw_file(std::string const& path, char const* what, int code = errno) {
  throw error(error_kind::resource, path + " cannot be " + what + ": " + std::generic_category().message(code));
}

/// The system maps the window into memory (on Windows it is read into a buffer). A file must not shrink meanwhile.
class file_window {
 public:
  static constexpr std::size_t default_window = std::size_t{64} << 20U;

  file_window(file_window&&) noexcept = default;
  file_window& operator=(file_window&&) noexcept = default;

  [[nodiscard]] std::string const& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

#if defined(_WIN32)
  explicit file_window(std::string path, std::size_t = default_window)
      : path_(std::move(path)), file_(path_, std::ios::binary | std::ios::ate) {
    if (!file_) throw_file(path_, "opened", ENOENT);
    size_ = static_cast<std::uint64_t>(file_.tellg());
  }
  [[nodiscard]] const_bytes read(std::uint64_t offset, std::size_t count) {
    buffer_.resize(count);
    file_.seekg(static_cast<std::streamoff>(offset));
    file_.read(reinterpret_cast<char*>(buffer_.data()), static_cast<std::streamsize>(count));
    if (!file_) throw_file(path_, "read", EIO);
    return buffer_;
  }

 private:
  std::string path_;
  std::ifstream file_;
  std::vector<std::byte> buffer_;
#else
  explicit file_window(std::string path, std::size_t window = default_window)
      : path_(std::move(path)), window_(window), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (*fd_ < 0) throw_file(path_, "opened");
    struct stat facts {};
    if (::fstat(*fd_, &facts) != 0) throw_file(path_, "examined");
    if (!S_ISREG(facts.st_mode)) throw error(error_kind::config, path_ + " is not a regular file");
    size_ = static_cast<std::uint64_t>(facts.st_size);
  }

  /// `count` bytes from `offset` on, valid until the next read. Needs offset + count <= size(). More than a window may
  /// be asked for: then so much is mapped.
  [[nodiscard]] const_bytes read(std::uint64_t offset, std::size_t count) {
    if (count == 0) return {};
    if (map_.data == nullptr || offset < begin_ || offset + count > begin_ + map_.size) {
      static std::uint64_t const page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
      map_ = {};  // before the next one is made: both might not fit
      begin_ = offset / page * page;
      std::uint64_t const wanted = offset - begin_ + count;
      std::uint64_t const rest = size_ - begin_;
      std::uint64_t const length = wanted > window_ ? wanted : window_ < rest ? window_ : rest;
      void* const at = ::mmap(nullptr, static_cast<std::size_t>(length), PROT_READ, MAP_PRIVATE, *fd_,
                              static_cast< ::off_t>(begin_));
      if (at == MAP_FAILED) throw_file(path_, "mapped");
      map_ = {static_cast<std::byte const*>(at), static_cast<std::size_t>(length)};
    }
    return const_bytes(map_.data + (offset - begin_), count);
  }

 private:
  struct descriptor {
    int fd;
    explicit descriptor(int opened) noexcept : fd(opened) {}
    descriptor(descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
      std::swap(fd, other.fd);
      return *this;
    }
    ~descriptor() {
      if (fd >= 0) ::close(fd);
    }
    int operator*() const noexcept { return fd; }
  };
  struct mapping {
    std::byte const* data = nullptr;
    std::size_t size = 0;
    mapping() noexcept = default;
    mapping(std::byte const* begin, std::size_t length) noexcept : data(begin), size(length) {}
    mapping(mapping&& other) noexcept : data(std::exchange(other.data, nullptr)), size(other.size) {}
    mapping& operator=(mapping&& other) noexcept {
      mapping old(std::move(*this));
      data = std::exchange(other.data, nullptr);
      size = other.size;
      return *this;
    }
    ~mapping() {
      if (data != nullptr) ::munmap(const_cast<std::byte*>(data), size);
    }
  };

  std::string path_;
  std::uint64_t window_;
  descriptor fd_;
  mapping map_{};
  std::uint64_t begin_ = 0;  // of the mapping, in the file
#endif
  std::uint64_t size_ = 0;
};

}  // namespace tutti::inline TUTTI_ABI::detail
