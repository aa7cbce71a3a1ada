// Snapshot: one published generation, loaded.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/snapshot/manifest.h"
#include "lib/snapshot/memory_reader.h"

namespace snaphammer::snapshot {

/// What SnapshotStore::load() returns. All of it stays valid when the snapshot is removed from the
/// store, except that vmstate_path() then names nothing. Immutable: any thread.
struct Snapshot {
  Manifest manifest;
  /// The device state, for a VMM that opens a path.
  std::filesystem::path vmstate_path;
  /// The same file, open for reading at offset 0; shared offset, so read it with pread or duplicate
  /// it by path.
  std::shared_ptr<const UniqueFd> vmstate;
  std::shared_ptr<const MemoryReader> memory;
  /// Page offsets in order of first touch, as recorded by SnapshotStore::set_working_set(); empty
  /// when none was.
  std::vector<ByteCount> working_set;
};

}  // namespace snaphammer::snapshot
