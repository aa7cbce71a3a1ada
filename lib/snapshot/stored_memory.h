// StoredMemory: the memory file of one generation, open, mapped, and with the checksums of its
// pages.
//
// It holds its descriptor and mapping, so it outlives the file's name. Any thread may read.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/base/units.h"
#include "lib/snapshot/ids.h"
#include "lib/snapshot/memory_image.h"

namespace snaphammer::snapshot {

class StoredMemory {
 public:
  /// Opens `path`, which must have exactly one page for each checksum in `blocks`.
  static Result<std::shared_ptr<const StoredMemory>> open(std::filesystem::path path, std::vector<Checksum> blocks);

  ByteCount size() const { return blocks_.size() * kPageSize; }
  const Checksum& block(ByteCount storage) const { return blocks_[storage / kPageSize]; }
  /// A page-aligned range inside the file. Reading a page of it that was cut off raises SIGBUS; copy() does not.
  std::span<const std::byte> view(ByteCount storage, ByteCount length) const {
    return std::span<const std::byte>(mapping_.bytes()).subspan(storage, length);
  }
  /// A range around that one which can be read without waiting for a disk; empty when it would wait.
  Extent resident_around(ByteCount storage, ByteCount length) const;
  /// Compares a page-aligned range with its checksums: kCorrupt, naming file and offset of the
  /// first damaged page or of the end of a file that became shorter.
  Result<void> check(ByteCount storage, ByteCount length) const;
  /// The bytes from `storage` on; kCorrupt like check(), for a file that became shorter.
  Result<void> copy(ByteCount storage, std::span<std::byte> to) const;

 private:
  /// What is wrong with a file whose mapping could not be read.
  Error unreadable() const;

  StoredMemory(std::filesystem::path path, std::vector<Checksum> blocks, UniqueFd fd, Mapping mapping);

  std::filesystem::path path_;
  std::vector<Checksum> blocks_;
  UniqueFd fd_;
  Mapping mapping_;
};

}  // namespace snaphammer::snapshot
