#include "lib/snapshot/verify.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "lib/snapshot/durable_file.h"
#include "lib/snapshot/generation.h"
#include "lib/snapshot/staging.h"
#include "lib/snapshot/store.h"
#include "lib/snapshot/store_lock.h"
#include "lib/snapshot/working_set.h"

namespace snaphammer::snapshot {

std::string Defect::describe() const { return fmt::format("{} at {:#x}: {}", file.string(), offset, what); }

void VerifyReport::add(std::filesystem::path file, ByteCount offset, std::string what) {
  if (defects.size() < kMaxDefects) defects.push_back({std::move(file), offset, std::move(what)});
  ++defect_count;
}

Result<void> VerifyReport::as_result() const {
  if (whole()) return {};
  const std::string more = defect_count > 1 ? fmt::format(" (and {} more)", defect_count - 1) : "";
  return Error(ErrorKind::kCorrupt, defects.front().describe() + more)
      .advise("the snapshot is damaged; restore from another one");
}

namespace {

class Verifier {
 public:
  explicit Verifier(const std::filesystem::path& store) : store_(store) {}

  /// Checks a generation and all that it needs, each once.
  Result<void> check(const std::string& id) {
    if (!checked_.insert(id).second) return {};
    ++report_.generations;
    const GenerationFiles files{store_ / id};
    SNAP_TRY(check_entries(files));
    SNAP_ASSIGN(const auto manifest, sound(files.manifest(), read_manifest(store_, id)));
    if (!manifest) return {};
    report_.bytes += std::filesystem::file_size(files.manifest());
    SNAP_TRY(check_vmstate(files, *manifest));
    SNAP_TRY(check_working_set(files, *manifest));
    SNAP_ASSIGN(auto header, sound(files.header(), read_header(store_, *manifest)));
    if (!header) return {};
    report_.bytes += manifest->header.size;
    SNAP_TRY(check_memory(files, header->blocks));
    const MemoryMap& map = maps_[manifest->build] = std::move(header->map);
    for (const GenerationRef& source : manifest->sources) {
      SNAP_ASSIGN(const auto found, sound(store_ / source.id, read_source(store_, source)));
      if (found) SNAP_TRY(check(source.id));
    }
    check_inherited(files, map);
    return {};
  }

  Result<void> check_strays() {
    std::error_code status;
    for (const auto& entry : std::filesystem::directory_iterator(store_, status)) {
      const std::string name = entry.path().filename();
      const bool ours = name == kLockName || StagingDirectory::is_name(name);
      const bool snapshot = check_id(name).has_value() && entry.is_directory();
      if (!ours && !snapshot) report_.add(entry.path(), 0, "belongs to no snapshot");
    }
    if (status) return errno_error("list " + store_.string(), status.value());
    return {};
  }

  VerifyReport take() && { return std::move(report_); }

 private:
  // The value; none when it is damaged, which then is in the report; an error when it could not be read at all.
  template <class T>
  Result<std::optional<T>> sound(const std::filesystem::path& file, Result<T> result) {
    if (result) return std::optional<T>(*std::move(result));
    const ErrorKind kind = result.error().kind();
    if (kind != ErrorKind::kCorrupt && kind != ErrorKind::kInvalid) return std::move(result).error();
    report_.add(file, 0, result.error().message());
    return std::optional<T>();
  }

  // Missing files are found when they are opened.
  Result<void> check_entries(const GenerationFiles& files) {
    const std::set<std::filesystem::path> known{files.manifest(), files.vmstate(), files.memory(), files.header(),
                                                files.working_set()};
    std::error_code status;
    for (const auto& entry : std::filesystem::directory_iterator(files.directory, status)) {
      if (!known.contains(entry.path())) report_.add(entry.path(), 0, "does not belong to the snapshot");
    }
    if (status) return errno_error("list " + files.directory.string(), status.value());
    return {};
  }

  Result<void> check_vmstate(const GenerationFiles& files, const Manifest& manifest) {
    SNAP_ASSIGN(const auto bytes, sound(files.vmstate(), read_file(files.vmstate(), kMaxVmstate)));
    if (!bytes) return {};
    report_.bytes += bytes->size();
    if (bytes->size() != manifest.vmstate.size) {
      report_.add(files.vmstate(), 0, fmt::format("{} bytes, not {}", bytes->size(), manifest.vmstate.size));
    } else if (seal_of(*bytes) != manifest.vmstate) {
      report_.add(files.vmstate(), 0, "does not match its checksum");
    }
    return {};
  }

  Result<void> check_working_set(const GenerationFiles& files, const Manifest& manifest) {
    std::error_code ignored;
    if (!std::filesystem::exists(std::filesystem::symlink_status(files.working_set(), ignored))) return {};
    SNAP_ASSIGN(const auto bytes, sound(files.working_set(), read_file(files.working_set(), kMaxWorkingSet)));
    if (!bytes) return {};
    report_.bytes += bytes->size();
    SNAP_ASSIGN(const auto pages, sound(files.working_set(), decode_working_set(*bytes, manifest.memory_size)));
    static_cast<void>(pages);
    return {};
  }

  // Reads rather than maps the file, since the mapping of a file that is being cut off raises SIGBUS.
  Result<void> check_memory(const GenerationFiles& files, const std::vector<Checksum>& blocks) {
    const std::filesystem::path path = files.memory();
    SNAP_ASSIGN(const auto fd, sound(path, open_file(path)));
    if (!fd) return {};
    SNAP_ASSIGN(const ByteCount actual, size_of(*fd, path));
    const ByteCount expected = blocks.size() * kPageSize;
    if (actual != expected)
      report_.add(path, std::min(actual, expected), fmt::format("{} bytes, not {}", actual, expected));
    const ByteCount end = std::min(actual, expected) / kPageSize * kPageSize;
    std::vector<std::byte> chunk(std::min<ByteCount>(end, 1_MiB));
    for (ByteCount at = 0; at < end; at += chunk.size()) {
      const auto bytes = std::span(chunk).first(std::min<ByteCount>(chunk.size(), end - at));
      SNAP_TRY(read_at(*fd, path, at, bytes));
      report_.bytes += bytes.size();
      for (ByteCount page = at; page < at + bytes.size(); page += kPageSize) {
        if (checksum_of(bytes.subspan(page - at, kPageSize)) != blocks[page / kPageSize]) {
          report_.add(path, page, "page does not match its checksum");
        }
      }
    }
    return {};
  }

  // Guest pages never move, so what a generation takes from an older one must be what that one stores for the same
  // guest page. This finds a mapping that is well-formed and wrong.
  void check_inherited(const GenerationFiles& files, const MemoryMap& map) {
    for (const Run& run : map.runs) {
      if (run.source <= MemoryMap::kOwnSource) continue;
      const auto source = maps_.find(map.sources[run.source]);
      if (source == maps_.end()) continue;  // Damaged, and in the report.
      const MemoryMap& older = source->second;
      for (ByteCount at = run.offset; at < run.end();) {
        const Run* there = at < older.size ? &older.runs[older.find_run(at)] : nullptr;
        const ByteCount storage = run.storage + (at - run.offset);
        if (there == nullptr || there->source != MemoryMap::kOwnSource ||
            there->storage + (at - there->offset) != storage) {
          report_.add(
              files.header(), 0,
              fmt::format("guest page {:#x} is not at {:#x} of generation {}", at, storage, older.build().hex()));
          break;
        }
        at = there->end();
      }
    }
  }

  const std::filesystem::path& store_;
  VerifyReport report_;
  std::set<std::string> checked_;
  std::map<BuildId, MemoryMap> maps_;
};

}  // namespace

Result<VerifyReport> SnapshotStore::verify(const std::string& id) const {
  SNAP_ASSIGN(const StoreLock lock, StoreLock::shared(directory_));
  SNAP_TRY(check_id(id));
  if (std::error_code ignored; !std::filesystem::exists(directory_ / id, ignored)) {
    return Error(ErrorKind::kInvalid, fmt::format("no snapshot '{}' in {}", id, directory_.string()));
  }
  Verifier verifier(directory_);
  SNAP_TRY(verifier.check(id));
  return std::move(verifier).take();
}

Result<VerifyReport> SnapshotStore::verify_all() const {
  SNAP_ASSIGN(const StoreLock lock, StoreLock::shared(directory_));
  Verifier verifier(directory_);
  SNAP_TRY(verifier.check_strays());
  SNAP_ASSIGN(const std::vector<std::string> all, ids());
  for (const std::string& id : all) SNAP_TRY(verifier.check(id));
  return std::move(verifier).take();
}

}  // namespace snaphammer::snapshot
