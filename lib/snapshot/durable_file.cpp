#include "lib/snapshot/durable_file.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/failpoint.h"

namespace snaphammer::snapshot {
namespace {

Failpoint write_point("snapshot.write");
Failpoint sync_point("snapshot.sync");

Error write_error(const std::filesystem::path& path, ByteCount offset, int error) {
  Error failure = errno_error(fmt::format("write {} at {:#x}", path.string(), offset), error);
  // A file size limit (ulimit -f) is a full disk by another name.
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return std::move(failure)
        .as(ErrorKind::kUnfit)
        .advise(fmt::format("free space on the file system of {} or keep snapshots elsewhere",
                            path.parent_path().string()));
  }
  return failure;
}

}  // namespace

Result<UniqueFd> create_file(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) return errno_error("create " + path.string());
  return fd;
}

Result<UniqueFd> open_file(const std::filesystem::path& path) {
  // O_NONBLOCK: a FIFO in the place of a file must not hang the reader; it has no effect on a file.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    const bool missing = errno == ENOENT || errno == ELOOP || errno == ENXIO;
    Error failure = errno_error("open " + path.string());
    return missing ? std::move(failure).as(ErrorKind::kCorrupt) : std::move(failure);
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error("stat " + path.string());
  if (!S_ISREG(status.st_mode)) return Error(ErrorKind::kCorrupt, path.string() + " is not a regular file");
  return fd;
}

Result<ByteCount> size_of(const UniqueFd& fd, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error("stat " + path.string());
  return static_cast<ByteCount>(status.st_size);
}

Result<void> write_at(const UniqueFd& fd, const std::filesystem::path& path, ByteCount offset,
                      std::span<const std::byte> bytes) {
  SNAP_TRY(write_point.hit());
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return write_error(path, offset, errno);
    offset += static_cast<ByteCount>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> sync_to_disk(const UniqueFd& fd, const std::filesystem::path& path, Sync sync) {
  if (sync == Sync::kOff) return {};
  SNAP_TRY(sync_point.hit());
  // A failed fsync is final: the kernel may have dropped the pages, a second call would lie.
  if (::fsync(fd.get()) != 0) return errno_error("sync " + path.string());
  return {};
}

Result<void> sync_directory(const std::filesystem::path& path, Sync sync) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("open directory " + path.string());
  return sync_to_disk(fd, path, sync);
}

Result<void> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes, Sync sync) {
  SNAP_ASSIGN(const UniqueFd fd, create_file(path));
  SNAP_TRY(write_at(fd, path, 0, bytes));
  return sync_to_disk(fd, path, sync);
}

Result<void> read_at(const UniqueFd& fd, const std::filesystem::path& path, ByteCount offset,
                     std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(fmt::format("read {} at {:#x}", path.string(), offset));
    if (got == 0) {
      return Error(ErrorKind::kCorrupt, fmt::format("{} ends at {:#x} while it is read", path.string(), offset));
    }
    offset += static_cast<ByteCount>(got);
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

Result<std::vector<std::byte>> read_file(const std::filesystem::path& path, ByteCount limit) {
  SNAP_ASSIGN(const UniqueFd fd, open_file(path));
  return read_file(fd, path, limit);
}

Result<std::vector<std::byte>> read_file(const UniqueFd& fd, const std::filesystem::path& path, ByteCount limit) {
  SNAP_ASSIGN(const ByteCount size, size_of(fd, path));
  if (size > limit) {
    return Error(ErrorKind::kCorrupt,
                 fmt::format("{} has {} bytes, more than the {} that it may have", path.string(), size, limit));
  }
  std::vector<std::byte> bytes(size);
  SNAP_TRY(read_at(fd, path, 0, bytes));
  return bytes;
}

}  // namespace snaphammer::snapshot
