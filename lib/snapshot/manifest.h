// The manifest of a snapshot: what it is, what belongs to it, and the checksums that hold it
// together.
//
// On disk it is JSON whose last member is the checksum of all bytes before it, so that any change
// of any byte, white space included, is found.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/base/result.h"
#include "lib/base/units.h"
#include "lib/snapshot/ids.h"

namespace snaphammer::snapshot {

/// Another generation, by the name it has in the store and by its identity.
struct GenerationRef {
  std::string id;
  BuildId build;
  bool operator==(const GenerationRef&) const = default;
};

/// A file of the snapshot as it was when it was published.
struct FileSeal {
  ByteCount size = 0;
  Checksum checksum;
  bool operator==(const FileSeal&) const = default;
};

struct Manifest {
  static constexpr int kFormat = 1;

  std::string id = {};  ///< Its name in the store, and of its directory.
  BuildId build = {};
  std::chrono::sys_seconds created = {};
  std::optional<GenerationRef> parent = {};  ///< What a diff was taken against; history, not needed for reading.
  std::vector<GenerationRef> sources = {};   ///< Other generations whose memory files this one needs.
  ByteCount memory_size = 0;                 ///< Of the guest.
  ByteCount memory_stored = 0;               ///< In this generation's own memory file.
  FileSeal header = {};                      ///< `memory.header`, which in turn seals the pages of `memory`.
  FileSeal vmstate = {};
  nlohmann::json metadata = {};  ///< The caller's: VM configuration, guest kernel, image hash, ...

  bool operator==(const Manifest&) const = default;
};

/// Names that may be a directory: letters, digits, '.', '_', '-', not starting with '.', at most
/// 128.
Result<void> check_id(std::string_view id);

/// The text of manifest.json. kInvalid when the metadata is no valid UTF-8 or larger than
/// parse_manifest() accepts.
Result<std::string> format_manifest(const Manifest& manifest);
/// Reads it back: kCorrupt when any byte was changed, kUnfit for a format that this program does
/// not know. Untrusted input is fine.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace snaphammer::snapshot
