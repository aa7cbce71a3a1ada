#include "lib/snapshot/memory_reader.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include <fmt/format.h>

namespace snaphammer::snapshot {

Result<std::shared_ptr<const MemoryReader>> MemoryReader::create(
    MemoryMap map, std::vector<std::shared_ptr<const StoredMemory>> stored, Checksums checksums) {
  for (const Run& run : map.runs) {
    if (run.zeros() || run.storage + run.length <= stored[run.source]->size()) continue;
    return Error(
        ErrorKind::kCorrupt,
        fmt::format("memory header: guest {:#x}+{:#x} is at {:#x} of generation {}, which ends at {:#x}", run.offset,
                    run.length, run.storage, map.sources[run.source].hex(), stored[run.source]->size()));
  }
  return std::shared_ptr<const MemoryReader>(new MemoryReader(std::move(map), std::move(stored), checksums));
}

MemoryReader::MemoryReader(MemoryMap map, std::vector<std::shared_ptr<const StoredMemory>> stored, Checksums checksums)
    : map_(std::move(map)), stored_(std::move(stored)), checksums_(checksums) {
  for (const Run& run : map_.runs) {
    if (run.zeros()) continue;
    if (!data_.empty() && data_.back().end() == run.offset) {
      data_.back().length += run.length;
    } else {
      data_.push_back({run.offset, run.length});
    }
  }
}

Result<std::span<const std::byte>> MemoryReader::read(ByteCount offset, std::size_t length,
                                                      std::span<std::byte> scratch) const {
  return read_as(checksums_, offset, length, scratch);
}

Result<std::span<const std::byte>> MemoryReader::read_checked(ByteCount offset, std::size_t length,
                                                              std::span<std::byte> scratch) const {
  return read_as(Checksums::kChecked, offset, length, scratch);
}

Result<std::span<const std::byte>> MemoryReader::read_as(Checksums checksums, ByteCount offset, std::size_t length,
                                                         std::span<std::byte> scratch) const {
  assert(offset % kPageSize == 0 && length % kPageSize == 0);
  assert(offset <= size() && length <= size() - offset);
  std::size_t index = length == 0 ? 0 : map_.find_run(offset);
  for (std::size_t done = 0; done < length; ++index) {
    const Run& run = map_.runs[index];
    const ByteCount at = offset + done;
    const std::size_t part = std::min<ByteCount>(run.end() - at, length - done);
    if (run.zeros()) {
      std::memset(scratch.data() + done, 0, part);
    } else {
      const StoredMemory& memory = *stored_[run.source];
      const ByteCount storage = run.storage + (at - run.offset);
      if (checksums == Checksums::kChecked) SNAP_TRY(memory.check(storage, part));
      if (part == length) return memory.view(storage, part);
      SNAP_TRY(memory.copy(storage, scratch.subspan(done, part)));
    }
    done += part;
  }
  return std::span<const std::byte>(scratch.first(length));
}

Extent MemoryReader::resident_around(ByteCount offset, std::size_t length) const {
  const ByteCount end = offset + length;
  Extent found = {offset, 0};
  for (std::size_t index = map_.find_run(offset); found.end() < end; ++index) {
    const Run& run = map_.runs[index];
    Extent part = {run.offset, run.length};
    if (!run.zeros()) {
      const ByteCount from = run.storage + (found.end() - run.offset);
      const Extent resident = stored_[run.source]->resident_around(from, std::min(run.end(), end) - found.end());
      if (resident.length == 0) return {};
      // Only what of it belongs to this run.
      const ByteCount first = std::max(resident.offset, run.storage);
      const ByteCount last = std::min(resident.end(), run.storage + run.length);
      part = {run.offset + (first - run.storage), last - first};
    }
    if (found.length == 0) found.offset = part.offset;
    found.length = part.end() - found.offset;
  }
  return found;
}

}  // namespace snaphammer::snapshot
