// StagingDirectory: where something is made before it appears in the store, or ends after it disappeared.
//
// It lies in the store's directory (a rename must stay inside one file system) under a temporary name, and is locked by
// its owner. So it is known when the owner is dead, however it died, and the next open of the store removes it.
#pragma once

#include <filesystem>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::snapshot {

class StagingDirectory {
 public:
  static Result<StagingDirectory> create(const std::filesystem::path& store);
  StagingDirectory(StagingDirectory&&) noexcept = default;
  StagingDirectory& operator=(StagingDirectory&&) = delete;
  /// Removes it with all that is in it. What cannot be removed is left to the next open of the store.
  ~StagingDirectory();

  const std::filesystem::path& path() const { return path_; }

  /// Gives it the name `target`, which must not exist, in one step; it then is an ordinary directory.
  Result<void> publish(const std::filesystem::path& target);
  /// Undoes publish(): takes the directory back under its temporary name.
  Result<void> take_back(const std::filesystem::path& target);

  /// Removes the staging directories in `store` whose owners are dead.
  static Result<void> remove_leftovers(const std::filesystem::path& store);
  /// Whether an entry of a store has the name of a staging directory.
  static bool is_name(const std::string& name);

 private:
  StagingDirectory(std::filesystem::path path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::filesystem::path path_;
  UniqueFd lock_;  // The directory itself, with flock(2) held; empty when moved from.
  bool published_ = false;
};

}  // namespace snaphammer::snapshot
