// SnapshotWriter: a snapshot in the making. Nobody sees it until publish().
//
//   SNAP_ASSIGN(SnapshotWriter writer, store.begin("s2", {{"kernel", "6.1"}}));
//   CO_SNAP_TRY(co_await vm.save_state(writer.vmstate_path()));
//   SNAP_TRY(writer.write_diff(image, "s1"));           // or write_full(image)
//   SNAP_ASSIGN(Manifest manifest, writer.publish());
//
// A writer that ends without publish(), or whose publish() failed, leaves nothing behind, and every
// earlier snapshot is as it was; one whose process was killed leaves a directory that the next
// SnapshotStore::open() removes. One thread at a time; all calls block on file I/O. It may outlive
// the SnapshotStore that it came from.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "lib/base/result.h"
#include "lib/snapshot/manifest.h"
#include "lib/snapshot/memory_image.h"
#include "lib/snapshot/snapshot.h"

namespace snaphammer::snapshot {

class SnapshotWriter {
 public:
  SnapshotWriter(SnapshotWriter&&) noexcept;
  SnapshotWriter& operator=(SnapshotWriter&&) noexcept;
  ~SnapshotWriter();

  /// Where the VMM has to write its device state: a new file, before publish().
  const std::filesystem::path& vmstate_path() const;
  /// What the manifest will have as metadata: an object, to be added to until publish().
  nlohmann::json& metadata();

  /// Stores all of the image's data that is not zeros.
  Result<void> write_full(const MemoryImage& image);
  /// Stores the pages that differ from snapshot `parent`, which must be of the same size. Two pages
  /// are the same when their 128-bit checksums are, so the parent's bytes are not read.
  Result<void> write_diff(const MemoryImage& image, const std::string& parent);

  /// Makes it durable, then visible under its id, in one step. Needs the vmstate and one of
  /// write_full() and write_diff().
  Result<Manifest> publish();

 private:
  friend class SnapshotStore;
  struct State;
  explicit SnapshotWriter(std::unique_ptr<State> state);
  Result<void> write_memory(const MemoryImage& image, const std::shared_ptr<const MemoryReader>& parent);

  std::unique_ptr<State> state_;
};

}  // namespace snaphammer::snapshot
