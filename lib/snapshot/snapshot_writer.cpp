#include "lib/snapshot/snapshot_writer.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include <fmt/format.h>

#include "lib/base/failpoint.h"
#include "lib/snapshot/durable_file.h"
#include "lib/snapshot/generation.h"
#include "lib/snapshot/memory_writer.h"
#include "lib/snapshot/snapshot_writer_state.h"

namespace snaphammer::snapshot {
namespace {

Failpoint rename_point("snapshot.rename");
Failpoint renamed_point("snapshot.renamed");

// A file that nobody asked for would be in the snapshot for ever, and verify() would call it damage.
Result<void> expect_only_known_files(const GenerationFiles& files) {
  const std::set<std::filesystem::path> known{files.memory(), files.vmstate()};
  std::error_code status;
  for (const auto& entry : std::filesystem::directory_iterator(files.directory, status)) {
    if (known.contains(entry.path())) continue;
    return Error(ErrorKind::kInternal, "publish snapshot: unexpected file " + entry.path().filename().string());
  }
  if (status) return errno_error("list " + files.directory.string(), status.value());
  return {};
}

Result<FileSeal> seal_vmstate(const std::filesystem::path& path, Sync sync) {
  auto fd = open_file(path);
  if (!fd) return std::move(fd).error().in("publish snapshot: the VMM wrote no device state").as(ErrorKind::kInternal);
  SNAP_ASSIGN(const auto bytes, read_file(*fd, path, kMaxVmstate));
  SNAP_TRY(sync_to_disk(*fd, path, sync));
  return seal_of(bytes);
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SnapshotWriter::SnapshotWriter(SnapshotWriter&&) noexcept = default;
SnapshotWriter& SnapshotWriter::operator=(SnapshotWriter&&) noexcept = default;
SnapshotWriter::~SnapshotWriter() = default;

const std::filesystem::path& SnapshotWriter::vmstate_path() const { return state_->vmstate_path; }
nlohmann::json& SnapshotWriter::metadata() { return state_->metadata; }

Result<void> SnapshotWriter::write_full(const MemoryImage& image) { return write_memory(image, nullptr); }

Result<void> SnapshotWriter::write_diff(const MemoryImage& image, const std::string& parent) {
  SNAP_ASSIGN(const Manifest manifest, read_manifest(state_->store, parent));
  if (manifest.memory_size != image.size) {
    return Error(ErrorKind::kInvalid, fmt::format("snapshot {} of {} bytes cannot be a diff against {} of {} bytes",
                                                  state_->id, image.size, parent, manifest.memory_size));
  }
  SNAP_ASSIGN(const auto memory, open_memory(state_->store, manifest, state_->options.checksums));
  const GenerationRef ref{manifest.id, manifest.build};
  state_->parent = ref;
  state_->ancestors = manifest.sources;
  state_->ancestors.push_back(ref);
  return write_memory(image, memory);
}

Result<void> SnapshotWriter::write_memory(const MemoryImage& image, const std::shared_ptr<const MemoryReader>& parent) {
  // A second call fails here, since the file exists.
  const std::filesystem::path path = GenerationFiles{state_->staging.path()}.memory();
  SNAP_ASSIGN(const UniqueFd fd, create_file(path));
  MemoryWriter writer(fd, path, state_->build, image.size, parent, state_->options.zero_blocks);
  SNAP_TRY(writer.write(image));
  SNAP_TRY(sync_to_disk(fd, path, state_->options.sync));
  state_->header = std::move(writer).finish();
  return {};
}

Result<Manifest> SnapshotWriter::publish() {
  State& state = *state_;
  const Sync sync = state.options.sync;
  const GenerationFiles files{state.staging.path()};
  if (!state.header) return Error(ErrorKind::kInternal, "publish snapshot " + state.id + ": no memory was written");
  SNAP_TRY(expect_only_known_files(files));

  Manifest manifest;
  manifest.id = state.id;
  manifest.build = state.build;
  manifest.created = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  manifest.parent = state.parent;
  manifest.sources = state.sources();
  manifest.memory_size = state.header->map.size;
  manifest.memory_stored = state.header->stored();
  manifest.metadata = state.metadata;
  SNAP_ASSIGN(manifest.vmstate, seal_vmstate(files.vmstate(), sync));
  const std::vector<std::byte> header = encode(*state.header);
  manifest.header = seal_of(header);
  SNAP_TRY(write_file(files.header(), header, sync));
  SNAP_ASSIGN(const std::string text, format_manifest(manifest));
  SNAP_TRY(write_file(files.manifest(), std::as_bytes(std::span(text)), sync));
  SNAP_TRY(sync_directory(files.directory, sync));

  SNAP_TRY(rename_point.hit());
  const std::filesystem::path target = state.store / state.id;
  SNAP_TRY(state.staging.publish(target));
  const auto made_durable = [&]() -> Result<void> {
    SNAP_TRY(renamed_point.hit());
    return sync_directory(state.store, sync);
  }();
  if (!made_durable) {
    // Whoever hears of a failure must not find the snapshot all the same.
    SNAP_TRY(state.staging.take_back(target));
    return made_durable.error();
  }
  return manifest;
}

}  // namespace snaphammer::snapshot
