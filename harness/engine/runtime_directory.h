// A campaign's private directory for sockets and other things that must not outlive it.
//
//   SNAP_ASSIGN(const fs::path base, runtime_base(Environment::of_this_process()));
//   SNAP_ASSIGN(RuntimeDirectory runtime, RuntimeDirectory::create(base, campaign_id));
//   SNAP_ASSIGN(const fs::path sockets, runtime.make_subdirectory("3"));
//
// The campaign holds a lock in it for as long as it lives. The kernel drops that lock however the
// campaign ends, so a directory without one is a dead campaign's and remove_leftovers() takes it
// away.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/engine/environment.h"
#include "harness/engine/process_lock.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::engine {

/// The directory that holds all campaigns' directories of this user: $XDG_RUNTIME_DIR/snaphammer,
/// or /tmp/snaphammer-UID when that is unset, gone or too long for socket names. Made when missing;
/// kUnfit when somebody else owns it or could write in it.
Result<std::filesystem::path> runtime_base(const Environment& environment);

/// The exclusive right to create or remove directories in a base: without it, one process could
/// take a directory that another has made, but not yet locked, for a dead one. Waits for its turn.
class BaseLock {
 public:
  static Result<BaseLock> take(const std::filesystem::path& base);

 private:
  explicit BaseLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Made by create(); its destructor removes all of it.
class RuntimeDirectory {
 public:
  static Result<RuntimeDirectory> create(const std::filesystem::path& base, const std::string& id);
  RuntimeDirectory(RuntimeDirectory&&) noexcept = default;
  RuntimeDirectory& operator=(RuntimeDirectory&&) = delete;
  ~RuntimeDirectory();

  const std::filesystem::path& path() const { return path_; }
  /// A fresh directory in it (0700).
  Result<std::filesystem::path> make_subdirectory(const std::string& name);

 private:
  RuntimeDirectory(std::filesystem::path path, ProcessLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  ProcessLock lock_;
};

struct CampaignDirectories {
  std::vector<std::filesystem::path> dead;  ///< Of campaigns that are gone.
  std::vector<std::filesystem::path> alive;
};
/// The directories in `base`. Whoever acts on the answer holds the base's lock until he has done so.
Result<CampaignDirectories> campaign_directories(const std::filesystem::path& base, const BaseLock& lock);

}  // namespace snaphammer::engine
