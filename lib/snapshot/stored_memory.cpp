#include "lib/snapshot/stored_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include "lib/base/residency.h"
#include "lib/snapshot/durable_file.h"

namespace snaphammer::snapshot {

StoredMemory::StoredMemory(std::filesystem::path path, std::vector<Checksum> blocks, UniqueFd fd, Mapping mapping)
    : path_(std::move(path)), blocks_(std::move(blocks)), fd_(std::move(fd)), mapping_(std::move(mapping)) {}

Result<std::shared_ptr<const StoredMemory>> StoredMemory::open(std::filesystem::path path,
                                                               std::vector<Checksum> blocks) {
  SNAP_ASSIGN(UniqueFd fd, open_file(path));
  SNAP_ASSIGN(const ByteCount actual, size_of(fd, path));
  const ByteCount expected = blocks.size() * kPageSize;
  if (actual != expected) {
    return Error(ErrorKind::kCorrupt,
                 fmt::format("{} has {} bytes, its header says {}", path.string(), actual, expected));
  }
  Mapping mapping;
  if (expected > 0) {  // A generation of nothing but zeros, or without a change, has an empty file.
    SNAP_ASSIGN(mapping, Mapping::map(expected, PROT_READ, MAP_SHARED, fd.get()));
  }
  return std::shared_ptr<const StoredMemory>(
      new StoredMemory(std::move(path), std::move(blocks), std::move(fd), std::move(mapping)));
}

Result<void> StoredMemory::check(ByteCount storage, ByteCount length) const {
  // The mapping of a file that became shorter raises SIGBUS, so its size is looked at before its bytes.
  SNAP_ASSIGN(const ByteCount actual, size_of(fd_, path_));
  if (actual < storage + length) {
    return Error(ErrorKind::kCorrupt, fmt::format("{} at {:#x}: cut off", path_.string(), actual));
  }
  for (ByteCount page = storage; page < storage + length; page += kPageSize) {
    if (checksum_of(view(page, kPageSize)) != block(page)) {
      return Error(ErrorKind::kCorrupt,
                   fmt::format("{} at {:#x}: page does not match its checksum", path_.string(), page))
          .advise("the snapshot is damaged; restore from another one");
    }
  }
  return {};
}

Extent StoredMemory::resident_around(ByteCount storage, ByteCount length) const {
  const std::span<const std::byte> resident = snaphammer::resident_around(mapping_.bytes(), storage, length);
  if (resident.empty()) return {};
  return {static_cast<ByteCount>(resident.data() - mapping_.data()), resident.size()};
}

}  // namespace snaphammer::snapshot
