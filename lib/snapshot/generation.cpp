#include "lib/snapshot/generation.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/snapshot/durable_file.h"

namespace snaphammer::snapshot {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Error corrupt(const std::filesystem::path& file, const std::string& what) {
  return Error(ErrorKind::kCorrupt, file.string() + ": " + what);
}

bool same_sources(const Manifest& manifest, const MemoryMap& map) {
  return std::equal(manifest.sources.begin(), manifest.sources.end(), map.sources.begin() + 2, map.sources.end(),
                    [](const GenerationRef& ref, const BuildId& build) { return ref.build == build; });
}

}  // namespace

FileSeal seal_of(std::span<const std::byte> bytes) { return {.size = bytes.size(), .checksum = checksum_of(bytes)}; }

Result<Manifest> read_manifest(const std::filesystem::path& store, const std::string& id) {
  SNAP_TRY(check_id(id));
  const GenerationFiles files{store / id};
  std::error_code ignored;
  if (!std::filesystem::exists(files.directory, ignored)) {
    return Error(ErrorKind::kInvalid, fmt::format("no snapshot '{}' in {}", id, store.string()));
  }
  SNAP_ASSIGN(const auto bytes, read_file(files.manifest(), kMaxManifest));
  auto manifest = parse_manifest(as_text(bytes));
  if (!manifest) return std::move(manifest).error().in(files.manifest().string());
  if (manifest->id != id) return corrupt(files.manifest(), "is that of snapshot '" + manifest->id + "'");
  return manifest;
}

Result<Manifest> read_source(const std::filesystem::path& store, const GenerationRef& ref) {
  auto manifest = read_manifest(store, ref.id);
  if (!manifest && manifest.error().kind() == ErrorKind::kInvalid) {
    return corrupt(store / ref.id, "this generation, build " + ref.build.hex() + ", is missing");
  }
  if (manifest && manifest->build != ref.build) {
    return corrupt(GenerationFiles{store / ref.id}.manifest(),
                   fmt::format("is another generation (build {}) than the one that is needed ({})",
                               manifest->build.hex(), ref.build.hex()));
  }
  return manifest;
}

Result<MemoryHeader> read_header(const std::filesystem::path& store, const Manifest& manifest) {
  const std::filesystem::path file = GenerationFiles{store / manifest.id}.header();
  SNAP_ASSIGN(const auto bytes, read_file(file, kMaxHeader));
  if (bytes.size() != manifest.header.size) {
    return corrupt(file, fmt::format("has {} bytes, the manifest says {}", bytes.size(), manifest.header.size));
  }
  if (seal_of(bytes) != manifest.header) return corrupt(file, "does not match its checksum");
  auto header = decode_header(bytes);
  if (!header) return std::move(header).error().in(file.string());
  if (header->map.build() != manifest.build || header->map.size != manifest.memory_size ||
      header->stored() != manifest.memory_stored || !same_sources(manifest, header->map)) {
    return corrupt(file, "is not what the manifest says of it");
  }
  return header;
}

Result<std::shared_ptr<const MemoryReader>> open_memory(const std::filesystem::path& store, const Manifest& manifest,
                                                        Checksums checksums) {
  SNAP_ASSIGN(MemoryHeader header, read_header(store, manifest));
  std::vector<std::shared_ptr<const StoredMemory>> stored(header.map.sources.size());
  SNAP_ASSIGN(stored[MemoryMap::kOwnSource],
              StoredMemory::open(GenerationFiles{store / manifest.id}.memory(), std::move(header.blocks)));
  for (std::size_t i = 0; i < manifest.sources.size(); ++i) {
    auto source = read_source(store, manifest.sources[i]);
    if (!source) return std::move(source).error().in("snapshot " + manifest.id + " needs another");
    SNAP_ASSIGN(MemoryHeader source_header, read_header(store, *source));
    SNAP_ASSIGN(stored[MemoryMap::kOwnSource + 1 + i],
                StoredMemory::open(GenerationFiles{store / source->id}.memory(), std::move(source_header.blocks)));
  }
  return MemoryReader::create(std::move(header.map), std::move(stored), checksums);
}

}  // namespace snaphammer::snapshot
