// Snapshots whose checksums are right and whose content is wrong, as a defect in a writer would make them.
#pragma once

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "lib/snapshot/durable_file.h"
#include "lib/snapshot/generation.h"
#include "lib/snapshot/testing/store_fixture.h"

namespace snaphammer::snapshot {

/// Changes the mapping header of a published snapshot and seals it again.
inline void forge_header(const GenerationFiles& files, const std::function<void(MemoryHeader&)>& change) {
  Manifest manifest = parse_manifest(contents(files.manifest())).value();
  MemoryHeader header = decode_header(read_file(files.header(), kMaxHeader).value()).value();
  change(header);
  const std::vector<std::byte> encoded = encode(header);
  manifest.header = seal_of(encoded);
  overwrite(files.header(), std::string(reinterpret_cast<const char*>(encoded.data()), encoded.size()));
  overwrite(files.manifest(), format_manifest(manifest).value());
}

}  // namespace snaphammer::snapshot
