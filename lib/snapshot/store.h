// SnapshotStore: a directory of snapshots.
//
//   SNAP_ASSIGN(SnapshotStore store, SnapshotStore::open("/.../snapshots"));
//   SNAP_ASSIGN(SnapshotWriter writer, store.begin("s1", metadata));     // see snapshot_writer.h
//   ...
//   SNAP_ASSIGN(Snapshot s1, store.load("s1"));                          // milliseconds: no memory is read
//   SNAP_ASSIGN(VerifyReport report, store.verify("s1"));                // every byte is read
//
// On disk: one directory per snapshot, with `manifest.json`, `vmstate`, `memory` (the pages that
// this generation stores, packed), `memory.header` (where each guest page is) and, when one was
// recorded, `working_set`. A generation may need the memory files of older ones; it names them in
// its manifest, and they cannot be removed before it.
//
// Several processes may use one store at a time: publication is a rename, removal takes a lock. Any
// thread may call; each call blocks on file I/O. A SnapshotStore is a small value, copies mean the
// same store.
#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/base/result.h"
#include "lib/snapshot/manifest.h"
#include "lib/snapshot/options.h"
#include "lib/snapshot/snapshot.h"
#include "lib/snapshot/snapshot_writer.h"
#include "lib/snapshot/verify.h"

namespace snaphammer::snapshot {

class SnapshotStore {
 public:
  /// Opens or creates it, and removes what dead writers left behind.
  static Result<SnapshotStore> open(const std::filesystem::path& directory, const StoreOptions& options = {});

  const std::filesystem::path& directory() const { return directory_; }

  /// The ids of all published snapshots, sorted.
  Result<std::vector<std::string>> ids() const;
  Result<Manifest> manifest(const std::string& id) const;

  /// Starts a new snapshot; `metadata` is kept in its manifest. An id that is taken is kInvalid.
  Result<SnapshotWriter> begin(const std::string& id, nlohmann::json metadata = nlohmann::json::object()) const;
  /// Opens a snapshot. Manifest, header, device state and all file sizes are checked, memory only
  /// as it is read.
  Result<Snapshot> load(const std::string& id) const;
  /// Keeps the order in which a restore of `id` first touched its pages, for prefetch in later
  /// ones. Replaces an earlier one in one step.
  Result<void> set_working_set(const std::string& id, std::span<const ByteCount> pages) const;

  /// Compares every byte of `id` and of every generation it needs with what was written. An error
  /// only when that could not be done; what is wrong is in the report.
  Result<VerifyReport> verify(const std::string& id) const;
  /// The same for every snapshot, and finds entries of the directory that belong to none.
  Result<VerifyReport> verify_all() const;

  /// Writes snapshot `id` as a new one that needs no other (compaction). Nothing is changed in
  /// place; remove the old one when nobody wants it any more.
  Result<Manifest> merge(const std::string& id, const std::string& new_id) const;
  /// Removes one snapshot. kUnavailable, and nothing happens, while another needs it or while
  /// somebody writes.
  Result<void> remove(const std::string& id) const;
  /// Removes every snapshot that is neither in `keep` nor needed by one that is; returns the
  /// removed ids. A kill in between leaves every remaining snapshot restorable.
  Result<std::vector<std::string>> collect_garbage(const std::set<std::string>& keep) const;

 private:
  SnapshotStore(std::filesystem::path directory, const StoreOptions& options)
      : directory_(std::move(directory)), options_(options) {}

  std::filesystem::path directory_;
  StoreOptions options_;
};

}  // namespace snaphammer::snapshot
