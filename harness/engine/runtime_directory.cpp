#include "harness/engine/runtime_directory.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = "lock";
// A socket's path has 107 characters; a campaign's id and a run's number take 30, a socket's own
// name 40.
constexpr std::size_t kLongestBase = 36;

Result<void> make_private_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return errno_error("create " + path.string()).advise("set XDG_RUNTIME_DIR to a directory of your own");
  }
  return {};
}

// Others must not be able to plant or replace what is in it: sockets in it are trusted.
Result<void> check_private(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno_error("look at " + path.string());
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
    return Error(ErrorKind::kUnfit, path.string() + ": not a directory that only this user can use")
        .advise("remove it, or set XDG_RUNTIME_DIR to a directory of your own");
  }
  return {};
}

}  // namespace

Result<fs::path> runtime_base(const Environment& environment) {
  fs::path base;
  const fs::path given = environment.get("XDG_RUNTIME_DIR");
  if (std::error_code ignored; given.is_absolute() && fs::is_directory(given, ignored)) base = given / "snaphammer";
  if (base.empty() || base.native().size() > kLongestBase) {
    base = "/tmp/snaphammer-" + std::to_string(::geteuid());
  }
  if (::mkdir(base.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("create " + base.string()).advise("set XDG_RUNTIME_DIR to a directory of your own");
  }
  SNAP_TRY(check_private(base));
  return base;
}

Result<BaseLock> BaseLock::take(const fs::path& base) {
  const fs::path path = base / ".lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error("open " + path.string());
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return errno_error("lock " + path.string());
  }
  return BaseLock(std::move(fd));
}

Result<RuntimeDirectory> RuntimeDirectory::create(const fs::path& base, const std::string& id) {
  SNAP_ASSIGN(const BaseLock base_lock, BaseLock::take(base));
  const fs::path path = base / id;
  SNAP_TRY(make_private_directory(path));
  SNAP_ASSIGN(ProcessLock lock, ProcessLock::take(path / kLockName));
  return RuntimeDirectory(path, std::move(lock));
}

RuntimeDirectory::~RuntimeDirectory() {
  if (!lock_) return;
  std::error_code ignored;  // What cannot be removed now is reported by the next command, which tries again.
  fs::remove_all(path_, ignored);
}

Result<fs::path> RuntimeDirectory::make_subdirectory(const std::string& name) {
  fs::path path = path_ / name;
  SNAP_TRY(make_private_directory(path));
  return path;
}

Result<CampaignDirectories> campaign_directories(const fs::path& base, const BaseLock&) {
  CampaignDirectories found;
  std::error_code error;
  for (auto entry = fs::directory_iterator(base, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code ignored;
    if (!fs::is_directory(entry->symlink_status(ignored))) continue;
    const Result<ProcessLock> lock = ProcessLock::take(entry->path() / kLockName);
    if (!lock && lock.error().kind() != ErrorKind::kUnavailable) return lock.error();
    (lock ? found.dead : found.alive).push_back(entry->path());
  }
  if (error) return errno_error("list " + base.string(), error.value());
  std::sort(found.dead.begin(), found.dead.end());
  return found;
}

}  // namespace snaphammer::engine
