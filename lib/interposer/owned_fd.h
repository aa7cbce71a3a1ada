// The one owner of a file descriptor; closes it at the end. The interposer's own, because nothing of
// lib/base comes into QEMU.
#pragma once

#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace snaphammer::interposer {

class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// A close-on-exec duplicate of somebody else's descriptor; invalid, with errno, when that fails.
  static OwnedFd duplicate_of(int fd) { return OwnedFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace snaphammer::interposer
