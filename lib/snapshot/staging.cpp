#include "lib/snapshot/staging.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/snapshot/ids.h"

namespace snaphammer::snapshot {
namespace {

constexpr std::string_view kPrefix = ".tmp-";

// The directory with its lock, or none: when somebody else holds it, or when it is gone.
UniqueFd try_lock(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  // Between open and lock it may have been removed, or published under another name.
  struct stat locked {
  }, named{};
  const bool same = ::fstat(fd.get(), &locked) == 0 && ::stat(path.c_str(), &named) == 0 &&
                    locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
  if (!same) return {};
  return fd;
}

Result<void> rename_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  return errno_error(fmt::format("rename {} to {}", from.string(), to.string()));
}

}  // namespace

Result<StagingDirectory> StagingDirectory::create(const std::filesystem::path& store) {
  // A cleaner may find the directory before it is locked, and remove it: then another name has better luck.
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    std::filesystem::path path = store / (std::string(kPrefix) + BuildId::random().hex());
    if (::mkdir(path.c_str(), 0755) != 0) return errno_error("create directory " + path.string());
    if (UniqueFd lock = try_lock(path)) return StagingDirectory(std::move(path), std::move(lock));
  }
  return Error(ErrorKind::kInternal, "no staging directory in " + store.string() + " could be locked");
}

StagingDirectory::~StagingDirectory() {
  if (!lock_ || published_) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<void> StagingDirectory::publish(const std::filesystem::path& target) {
  SNAP_TRY(rename_new(path_, target));
  published_ = true;
  return {};
}

Result<void> StagingDirectory::take_back(const std::filesystem::path& target) {
  SNAP_TRY(rename_new(target, path_));
  published_ = false;
  return {};
}

Result<void> StagingDirectory::remove_leftovers(const std::filesystem::path& store) {
  std::error_code status;
  std::filesystem::directory_iterator entries(store, status);
  if (status) return errno_error("list " + store.string(), status.value());
  for (const auto& entry : entries) {
    if (!is_name(entry.path().filename())) continue;
    const UniqueFd lock = try_lock(entry.path());
    if (!lock) continue;
    std::filesystem::remove_all(entry.path(), status);
    if (status) return errno_error("remove leftover " + entry.path().string(), status.value());
  }
  return {};
}

bool StagingDirectory::is_name(const std::string& name) { return name.starts_with(kPrefix); }

}  // namespace snaphammer::snapshot
