// The file `working_set`: page offsets in the order in which a restore first touched them. A hint for prefetch, added to
// a snapshot after its publication; so it carries its own checksum.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::snapshot {

/// Whether `pages` are page offsets of a memory of `memory_size` bytes.
Result<void> check_working_set(std::span<const ByteCount> pages, ByteCount memory_size);
std::vector<std::byte> encode_working_set(std::span<const ByteCount> pages);
/// Reads exactly what encode_working_set() writes; anything else is kCorrupt. Untrusted input is fine.
Result<std::vector<ByteCount>> decode_working_set(std::span<const std::byte> file, ByteCount memory_size);

}  // namespace snaphammer::snapshot
