// MemoryReader: a guest's whole memory as a snapshot has it.
//
//   for (const Extent& extent : reader->data()) {
//     SNAP_ASSIGN(auto bytes, reader->read(extent.offset, chunk, scratch));
//     ...
//   }
//
// It holds the memory files open and mapped, so it stays valid when the snapshot is removed from
// the store. Any thread may read.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"
#include "lib/snapshot/memory_header.h"
#include "lib/snapshot/memory_image.h"
#include "lib/snapshot/options.h"
#include "lib/snapshot/stored_memory.h"

namespace snaphammer::snapshot {

class MemoryReader {
 public:
  /// `stored[i]` is the memory file of `map.sources[i]`; entry 0, zeros, is null. kCorrupt when the
  /// map reaches beyond the end of one.
  static Result<std::shared_ptr<const MemoryReader>> create(MemoryMap map,
                                                            std::vector<std::shared_ptr<const StoredMemory>> stored,
                                                            Checksums checksums);

  ByteCount size() const { return map_.size; }
  /// Which generation this is.
  BuildId build() const { return map_.build(); }
  /// The ranges that hold data: ascending, disjoint, page-aligned. Everything else is zeros.
  const std::vector<Extent>& data() const { return data_; }

  /// The bytes of [offset, offset + length), a page-aligned range inside the memory: a view of the
  /// mapped file when they lie together in one, else of `scratch` (at least `length` bytes), where
  /// they were gathered. With checksums checked, damaged bytes are a kCorrupt error naming file and
  /// offset, and so is a file that became shorter. It may do so later, too: the view is to be read by the kernel or inside
  /// read_mapped() (mapped_read.h).
  Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length, std::span<std::byte> scratch) const;
  /// The same, with checksums checked whatever the options say: for copying into another snapshot.
  Result<std::span<const std::byte>> read_checked(ByteCount offset, std::size_t length,
                                                  std::span<std::byte> scratch) const;

  /// A range that includes that one and which read() returns without waiting for a disk; empty when it would wait.
  Extent resident_around(ByteCount offset, std::size_t length) const;

  /// Older generations that it reads from besides its own, each with its file open.
  std::size_t older_generations() const { return map_.sources.size() - (MemoryMap::kOwnSource + 1); }

  const MemoryMap& map() const { return map_; }
  /// The checksum of the page at `storage` of a run's source.
  const Checksum& block_checksum(const Run& run, ByteCount storage) const {
    return stored_[run.source]->block(storage);
  }

 private:
  MemoryReader(MemoryMap map, std::vector<std::shared_ptr<const StoredMemory>> stored, Checksums checksums);
  Result<std::span<const std::byte>> read_as(Checksums checksums, ByteCount offset, std::size_t length,
                                             std::span<std::byte> scratch) const;

  MemoryMap map_;
  std::vector<std::shared_ptr<const StoredMemory>> stored_;
  std::vector<Extent> data_;
  Checksums checksums_;
};

}  // namespace snaphammer::snapshot
