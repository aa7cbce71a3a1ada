#include "lib/snapshot/stored_memory.h"

#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>

#include "lib/base/mapped_read.h"
#include "lib/base/residency.h"
#include "lib/snapshot/durable_file.h"

namespace snaphammer::snapshot {
namespace {

constexpr const char* kDamaged = "the snapshot is damaged; restore from another one";

}  // namespace

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
  ByteCount page = storage;
  const auto compare = [&] {
    while (page < storage + length && checksum_of(view(page, kPageSize)) == block(page)) page += kPageSize;
  };
  if (!read_mapped(compare)) return unreadable();
  if (page == storage + length) return {};
  return Error(ErrorKind::kCorrupt, fmt::format("{} at {:#x}: page does not match its checksum", path_.string(), page))
      .advise(kDamaged);
}

Result<void> StoredMemory::copy(ByteCount storage, std::span<std::byte> to) const {
  if (!read_mapped([&] { std::memcpy(to.data(), view(storage, to.size()).data(), to.size()); })) return unreadable();
  return {};
}

Error StoredMemory::unreadable() const {
  const Result<ByteCount> now = size_of(fd_, path_);
  const std::string what = now && *now < size() ? fmt::format("{} at {:#x}: cut off", path_.string(), *now)
                                                : path_.string() + ": not all of it can be read from its disk";
  return Error(ErrorKind::kCorrupt, what).advise(kDamaged);
}

Extent StoredMemory::resident_around(ByteCount storage, ByteCount length) const {
  const std::span<const std::byte> resident = snaphammer::resident_around(mapping_.bytes(), storage, length);
  if (resident.empty()) return {};
  return {static_cast<ByteCount>(resident.data() - mapping_.data()), resident.size()};
}

}  // namespace snaphammer::snapshot
