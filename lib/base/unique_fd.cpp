#include "lib/base/unique_fd.h"

#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace snaphammer {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<UniqueFd> UniqueFd::duplicate() const {
  UniqueFd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  if (!copy) return errno_error("duplicate descriptor " + std::to_string(fd_));
  return copy;
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    Mapping old(std::exchange(bytes_, std::exchange(other.bytes_, {})));
  }
  return *this;
}

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Result<Mapping> Mapping::map(std::size_t length, int protection, int flags, int fd, off_t offset) {
  void* address = ::mmap(nullptr, length, protection, flags, fd, offset);
  if (address == MAP_FAILED) return errno_error("mmap " + std::to_string(length) + " bytes");
  return Mapping({static_cast<std::byte*>(address), length});
}

}  // namespace snaphammer
