// What a SnapshotWriter holds; made by SnapshotStore::begin().
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/snapshot/generation.h"
#include "lib/snapshot/memory_header.h"
#include "lib/snapshot/options.h"
#include "lib/snapshot/snapshot_writer.h"
#include "lib/snapshot/staging.h"
#include "lib/snapshot/store_lock.h"

namespace snaphammer::snapshot {

struct SnapshotWriter::State {
  std::filesystem::path store;
  StoreOptions options;
  std::string id;
  nlohmann::json metadata;
  StoreLock lock;  // Keeps the parent, and what it needs, from being removed.
  StagingDirectory staging;
  std::filesystem::path vmstate_path = GenerationFiles{staging.path()}.vmstate();
  BuildId build = BuildId::random();
  std::optional<GenerationRef> parent = std::nullopt;
  std::vector<GenerationRef> ancestors = {};          // All generations that a diff may refer to.
  std::optional<MemoryHeader> header = std::nullopt;  // Once memory was written.

  /// The generations that the written memory does refer to, in the header's order.
  std::vector<GenerationRef> sources() const {
    std::vector<GenerationRef> refs;
    for (std::size_t i = MemoryMap::kOwnSource + 1; i < header->map.sources.size(); ++i) {
      refs.push_back(*std::ranges::find(ancestors, header->map.sources[i], &GenerationRef::build));
    }
    return refs;
  }
};

}  // namespace snaphammer::snapshot
