#include "lib/snapshot/store_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>

namespace snaphammer::snapshot {
namespace {

// flock(2) belongs to the open file, so each holder opens it for itself.
Result<UniqueFd> lock(const std::filesystem::path& store, int operation) {
  const std::filesystem::path path = store / kLockName;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return errno_error("open " + path.string());
  while (::flock(fd.get(), operation) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return Error(ErrorKind::kUnavailable, "snapshot store " + store.string() + " is in use by a writer or reader")
          .advise("try again when no snapshot is being taken");
    }
    return errno_error("lock " + path.string());
  }
  return fd;
}

}  // namespace

Result<StoreLock> StoreLock::shared(const std::filesystem::path& store) {
  SNAP_ASSIGN(UniqueFd fd, lock(store, LOCK_SH));
  return StoreLock(std::move(fd));
}

Result<StoreLock> StoreLock::exclusive(const std::filesystem::path& store) {
  SNAP_ASSIGN(UniqueFd fd, lock(store, LOCK_EX | LOCK_NB));
  return StoreLock(std::move(fd));
}

}  // namespace snaphammer::snapshot
