#include "harness/engine/process_lock.h"

#include <mutex>
#include <optional>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using Identity = std::pair<dev_t, ino_t>;

// What this process holds. No file in it may be opened again: closing it would end the lock.
struct Held {
  std::mutex mutex;
  std::set<Identity> files;
};
Held& held() {
  static Held of_this_process;
  return of_this_process;
}

std::optional<Identity> identity_of(const fs::path& file) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0) return std::nullopt;
  return Identity(status.st_dev, status.st_ino);
}

flock whole_file() {
  flock record{};
  record.l_type = F_WRLCK;
  record.l_whence = SEEK_SET;
  return record;
}

Error taken(const fs::path& file, const std::string& by) {
  return Error(ErrorKind::kUnavailable, file.string() + ": " + by + " has it locked");
}

Error taken_by_other(const UniqueFd& fd, const fs::path& file) {
  flock record = whole_file();
  // 0 and -1 are processes that this one cannot see.
  const bool known = ::fcntl(fd.get(), F_GETLK, &record) == 0 && record.l_type != F_UNLCK && record.l_pid > 0;
  return taken(file, known ? "process " + std::to_string(record.l_pid) : "another process");
}

}  // namespace

Result<ProcessLock> ProcessLock::take(fs::path file) {
  Held& mine = held();
  const std::lock_guard guard(mine.mutex);
  while (true) {
    const std::optional<Identity> there = identity_of(file);
    if (there && mine.files.contains(*there)) return taken(file, "this process");
    UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return errno_error("open " + file.string());
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return errno_error("look at " + file.string());
    const flock record = whole_file();
    if (::fcntl(fd.get(), F_SETLK, &record) != 0) {
      if (errno == EACCES || errno == EAGAIN) return taken_by_other(fd, file);
      return errno_error("lock " + file.string());
    }
    const Identity identity(status.st_dev, status.st_ino);
    if (identity_of(file) != identity) continue;  // Its last holder has removed it meanwhile.
    mine.files.insert(identity);
    return ProcessLock(std::move(file), std::move(fd), identity);
  }
}

ProcessLock::~ProcessLock() {
  if (!fd_) return;
  Held& mine = held();
  const std::lock_guard guard(mine.mutex);
  // The directory around it may have been removed, and made again by another process.
  if (identity_of(file_) == identity_) ::unlink(file_.c_str());
  mine.files.erase(identity_);
  fd_.reset();
}

}  // namespace snaphammer::engine
