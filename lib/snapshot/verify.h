// What SnapshotStore::verify() found.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::snapshot {

/// One thing that is not as it was written.
struct Defect {
  std::filesystem::path file;
  ByteCount offset = 0;  ///< In `file`: the damaged page, or 0 when the file as a whole is meant.
  std::string what;

  /// "/.../s1/memory at 0x3000: page does not match its checksum".
  std::string describe() const;
};

struct VerifyReport {
  static constexpr std::size_t kMaxDefects = 100;

  std::size_t generations = 0;   ///< Checked, each once.
  ByteCount bytes = 0;           ///< Read and compared.
  std::size_t defect_count = 0;  ///< All that were found ...
  std::vector<Defect> defects;   ///< ... and the first kMaxDefects of them.

  bool whole() const { return defect_count == 0; }
  /// As a value to return: kCorrupt, with the first defect and how many more there are.
  Result<void> as_result() const;

  void add(std::filesystem::path file, ByteCount offset, std::string what);
};

}  // namespace snaphammer::snapshot
