// One generation's directory in a store: the names in it, and reading its parts with every check that costs no more than
// milliseconds.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/snapshot/manifest.h"
#include "lib/snapshot/memory_header.h"
#include "lib/snapshot/memory_reader.h"
#include "lib/snapshot/options.h"

namespace snaphammer::snapshot {

/// The files of a generation that lies, or will lie, in `directory`.
struct GenerationFiles {
  std::filesystem::path directory;

  std::filesystem::path manifest() const { return directory / "manifest.json"; }
  std::filesystem::path vmstate() const { return directory / "vmstate"; }
  std::filesystem::path memory() const { return directory / "memory"; }
  std::filesystem::path header() const { return directory / "memory.header"; }
  std::filesystem::path working_set() const { return directory / "working_set"; }
};

inline constexpr ByteCount kMaxManifest = 16_MiB;
inline constexpr ByteCount kMaxHeader = 64_GiB;
inline constexpr ByteCount kMaxVmstate = 4_GiB;
inline constexpr ByteCount kMaxWorkingSet = 4_GiB;

FileSeal seal_of(std::span<const std::byte> bytes);

/// kInvalid when the store has no such snapshot.
Result<Manifest> read_manifest(const std::filesystem::path& store, const std::string& id);
/// The manifest of a generation that another one needs: kCorrupt when it is missing or not the one that is meant.
Result<Manifest> read_source(const std::filesystem::path& store, const GenerationRef& ref);
/// The mapping header, checked against the manifest.
Result<MemoryHeader> read_header(const std::filesystem::path& store, const Manifest& manifest);
/// Opens the memory of a snapshot and of all generations that it needs. Reads no page of it.
Result<std::shared_ptr<const MemoryReader>> open_memory(const std::filesystem::path& store, const Manifest& manifest,
                                                        Checksums checksums);

}  // namespace snaphammer::snapshot
