// StoreLock: keeps removal away from those who read the directory of a store or add to it.
#pragma once

#include <filesystem>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::snapshot {

inline constexpr const char* kLockName = ".lock";

/// Held until the end of its life, across processes; the kernel drops it when the process dies. Any thread; each object is
/// a holder of its own, also within one process.
class StoreLock {
 public:
  /// Many at a time: held while a snapshot is loaded, and by each writer, so that its parent stays. Waits for a removal,
  /// which is short.
  static Result<StoreLock> shared(const std::filesystem::path& store);
  /// One, and nobody else: for removal. kUnavailable at once when somebody holds the lock, since a writer may take long.
  static Result<StoreLock> exclusive(const std::filesystem::path& store);

 private:
  explicit StoreLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace snaphammer::snapshot
