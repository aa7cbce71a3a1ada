#include "lib/snapshot/store.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "lib/base/failpoint.h"
#include "lib/snapshot/durable_file.h"
#include "lib/snapshot/generation.h"
#include "lib/snapshot/snapshot_writer_state.h"
#include "lib/snapshot/staging.h"
#include "lib/snapshot/store_lock.h"
#include "lib/snapshot/working_set.h"

namespace snaphammer::snapshot {
namespace {

Failpoint remove_point("snapshot.remove");
Failpoint removed_point("snapshot.removed");

Result<std::shared_ptr<const UniqueFd>> open_vmstate(const std::filesystem::path& path, const FileSeal& seal,
                                                     Checksums checksums) {
  SNAP_ASSIGN(UniqueFd fd, open_file(path));
  SNAP_ASSIGN(const ByteCount size, size_of(fd, path));
  if (size != seal.size) {
    return Error(ErrorKind::kCorrupt,
                 fmt::format("{} has {} bytes, the manifest says {}", path.string(), size, seal.size));
  }
  if (checksums == Checksums::kChecked) {
    SNAP_ASSIGN(const auto bytes, read_file(fd, path, kMaxVmstate));
    if (seal_of(bytes) != seal) return Error(ErrorKind::kCorrupt, path.string() + ": does not match its checksum");
  }
  return std::make_shared<const UniqueFd>(std::move(fd));
}

Result<std::vector<ByteCount>> read_working_set(const std::filesystem::path& path, ByteCount memory_size) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::vector<ByteCount>();
  SNAP_ASSIGN(const auto bytes, read_file(path, kMaxWorkingSet));
  auto pages = decode_working_set(bytes, memory_size);
  if (!pages) return std::move(pages).error().in(path.string());
  return pages;
}

// Takes a snapshot out of the store in one step; its files are deleted after that.
Result<void> remove_locked(const std::filesystem::path& store, const std::string& id, Sync sync) {
  SNAP_TRY(remove_point.hit());
  SNAP_ASSIGN(const StagingDirectory trash, StagingDirectory::create(store));
  std::error_code status;
  std::filesystem::rename(store / id, trash.path() / id, status);
  if (status) return errno_error("remove snapshot " + (store / id).string(), status.value());
  SNAP_TRY(removed_point.hit());
  return sync_directory(store, sync);
}

bool needs(const Manifest& manifest, const std::string& id) {
  return std::ranges::find(manifest.sources, id, &GenerationRef::id) != manifest.sources.end();
}

}  // namespace

Result<SnapshotStore> SnapshotStore::open(const std::filesystem::path& directory, const StoreOptions& options) {
  std::error_code status;
  std::filesystem::create_directories(directory, status);
  if (status) return errno_error("create snapshot store " + directory.string(), status.value());
  SNAP_TRY(StagingDirectory::remove_leftovers(directory));
  return SnapshotStore(directory, options);
}

Result<std::vector<std::string>> SnapshotStore::ids() const {
  std::vector<std::string> ids;
  std::error_code status;
  std::filesystem::directory_iterator entries(directory_, status);
  if (status) return errno_error("list " + directory_.string(), status.value());
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename();
    if (entry.is_directory(status) && check_id(name)) ids.push_back(name);
  }
  std::ranges::sort(ids);
  return ids;
}

Result<Manifest> SnapshotStore::manifest(const std::string& id) const { return read_manifest(directory_, id); }

Result<SnapshotWriter> SnapshotStore::begin(const std::string& id, nlohmann::json metadata) const {
  SNAP_TRY(check_id(id));
  std::error_code ignored;
  if (std::filesystem::exists(directory_ / id, ignored)) {
    return Error(ErrorKind::kInvalid, fmt::format("snapshot '{}' exists already in {}", id, directory_.string()));
  }
  SNAP_ASSIGN(StoreLock lock, StoreLock::shared(directory_));
  SNAP_ASSIGN(StagingDirectory staging, StagingDirectory::create(directory_));
  return SnapshotWriter(std::make_unique<SnapshotWriter::State>(SnapshotWriter::State{.store = directory_,
                                                                                      .options = options_,
                                                                                      .id = id,
                                                                                      .metadata = std::move(metadata),
                                                                                      .lock = std::move(lock),
                                                                                      .staging = std::move(staging)}));
}

Result<Snapshot> SnapshotStore::load(const std::string& id) const {
  const Checksums checksums = options_.checksums;
  SNAP_ASSIGN(const StoreLock lock, StoreLock::shared(directory_));
  const GenerationFiles files{directory_ / id};
  Snapshot snapshot;
  SNAP_ASSIGN(snapshot.manifest, read_manifest(directory_, id));
  SNAP_ASSIGN(snapshot.vmstate, open_vmstate(files.vmstate(), snapshot.manifest.vmstate, checksums));
  snapshot.vmstate_path = files.vmstate();
  SNAP_ASSIGN(snapshot.memory, open_memory(directory_, snapshot.manifest, checksums));
  SNAP_ASSIGN(snapshot.working_set, read_working_set(files.working_set(), snapshot.manifest.memory_size));
  return snapshot;
}

Result<void> SnapshotStore::set_working_set(const std::string& id, std::span<const ByteCount> pages) const {
  SNAP_ASSIGN(const StoreLock lock, StoreLock::shared(directory_));
  SNAP_ASSIGN(const Manifest manifest, read_manifest(directory_, id));
  SNAP_TRY(check_working_set(pages, manifest.memory_size));
  SNAP_ASSIGN(const StagingDirectory staging, StagingDirectory::create(directory_));
  const std::filesystem::path written = GenerationFiles{staging.path()}.working_set();
  SNAP_TRY(write_file(written, encode_working_set(pages), options_.sync));
  const GenerationFiles files{directory_ / id};
  std::error_code status;
  std::filesystem::rename(written, files.working_set(), status);
  if (status) return errno_error("rename to " + files.working_set().string(), status.value());
  return sync_directory(files.directory, options_.sync);
}

Result<Manifest> SnapshotStore::merge(const std::string& id, const std::string& new_id) const {
  // Damaged bytes must not get new, right checksums: all that is copied is checked, whatever the options say.
  StoreOptions checked = options_;
  checked.checksums = Checksums::kChecked;
  SNAP_ASSIGN(const Snapshot old, SnapshotStore(directory_, checked).load(id));
  SNAP_ASSIGN(SnapshotWriter writer, begin(new_id, old.manifest.metadata));
  SNAP_ASSIGN(const auto vmstate, read_file(*old.vmstate, old.vmstate_path, kMaxVmstate));
  SNAP_TRY(write_file(writer.vmstate_path(), vmstate, options_.sync));
  const ByteCount size = old.memory->size();
  SNAP_TRY(writer.write_full({.size = size, .untouched = {{0, size}}, .base = old.memory}));
  SNAP_ASSIGN(Manifest manifest, writer.publish());
  if (!old.working_set.empty()) SNAP_TRY(set_working_set(new_id, old.working_set));
  return manifest;
}

Result<void> SnapshotStore::remove(const std::string& id) const {
  SNAP_TRY(check_id(id));
  SNAP_ASSIGN(const StoreLock lock, StoreLock::exclusive(directory_));
  SNAP_ASSIGN(const std::vector<std::string> all, ids());
  if (!std::ranges::binary_search(all, id)) {
    return Error(ErrorKind::kInvalid, fmt::format("no snapshot '{}' in {}", id, directory_.string()));
  }
  for (const std::string& other : all) {
    if (other == id) continue;
    SNAP_ASSIGN(const Manifest manifest, read_manifest(directory_, other));
    if (needs(manifest, id)) {
      return Error(ErrorKind::kUnavailable, fmt::format("snapshot '{}' is needed by '{}'", id, other))
          .advise("merge that one first, or remove it");
    }
  }
  return remove_locked(directory_, id, options_.sync);
}

Result<std::vector<std::string>> SnapshotStore::collect_garbage(const std::set<std::string>& keep) const {
  SNAP_ASSIGN(const StoreLock lock, StoreLock::exclusive(directory_));
  // What a kept one needs, and what that needs: all that remains shall be restorable.
  std::set<std::string> reachable;
  std::vector<std::string> pending(keep.begin(), keep.end());
  while (!pending.empty()) {
    const std::string id = std::move(pending.back());
    pending.pop_back();
    if (!reachable.insert(id).second) continue;
    SNAP_ASSIGN(const Manifest manifest, read_manifest(directory_, id));
    for (const GenerationRef& source : manifest.sources) pending.push_back(source.id);
  }

  std::map<std::string, Manifest> garbage;
  SNAP_ASSIGN(const std::vector<std::string> all, ids());
  for (const std::string& id : all) {
    if (reachable.contains(id)) continue;
    // One whose manifest cannot be read needs nothing, for it cannot be restored.
    garbage.emplace(id, read_manifest(directory_, id).value_or(Manifest{}));
  }
  // First those that no other needs, so that a kill in between leaves nothing behind that is not restorable.
  std::vector<std::string> removed;
  while (!garbage.empty()) {
    const auto free = std::ranges::find_if(garbage, [&](const auto& candidate) {
      return std::ranges::none_of(garbage, [&](const auto& other) { return needs(other.second, candidate.first); });
    });
    // Generations that need each other in a circle are damaged; no order is better than another.
    const auto next = free == garbage.end() ? garbage.begin() : free;
    SNAP_TRY(remove_locked(directory_, next->first, options_.sync));
    removed.push_back(next->first);
    garbage.erase(next);
  }
  return removed;
}

}  // namespace snaphammer::snapshot
