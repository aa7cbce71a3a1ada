#include "lib/snapshot/working_set.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "lib/snapshot/ids.h"

namespace snaphammer::snapshot {
namespace {

// Magic number, offsets as little-endian u64, checksum of all before it.
constexpr std::uint64_t kWorkingSetMagic = 0x0a53574b50414e53;  // "SNAPKWS\n"

Error corrupt_working_set(std::string what) {
  return Error(ErrorKind::kCorrupt, "working set: " + std::move(what))
      .advise("delete the file: it only makes restores faster");
}

}  // namespace

Result<void> check_working_set(std::span<const ByteCount> pages, ByteCount memory_size) {
  for (const ByteCount page : pages) {
    if (page % kPageSize == 0 && page < memory_size) continue;
    return Error(ErrorKind::kInvalid, fmt::format("working set: {:#x} is no page of {} bytes", page, memory_size));
  }
  return {};
}

std::vector<std::byte> encode_working_set(std::span<const ByteCount> pages) {
  std::vector<std::byte> file(sizeof kWorkingSetMagic + pages.size_bytes());
  std::memcpy(file.data(), &kWorkingSetMagic, sizeof kWorkingSetMagic);
  std::ranges::copy(std::as_bytes(pages), file.begin() + sizeof kWorkingSetMagic);
  const Checksum checksum = checksum_of(file);
  const auto seal = std::as_bytes(std::span(&checksum, 1));
  file.insert(file.end(), seal.begin(), seal.end());
  return file;
}

Result<std::vector<ByteCount>> decode_working_set(std::span<const std::byte> file, ByteCount memory_size) {
  constexpr std::size_t kFrame = sizeof kWorkingSetMagic + sizeof(Checksum);
  if (file.size() < kFrame || (file.size() - kFrame) % sizeof(ByteCount) != 0) {
    return corrupt_working_set(fmt::format("{} bytes are no whole file", file.size()));
  }
  std::vector<ByteCount> pages((file.size() - kFrame) / sizeof(ByteCount));
  if (!pages.empty())
    std::memcpy(pages.data(), file.data() + sizeof kWorkingSetMagic, pages.size() * sizeof(ByteCount));
  // The file is small and has one form, so it is right when it is what would be written for these pages.
  if (!std::ranges::equal(encode_working_set(pages), file)) return corrupt_working_set("does not match its checksum");
  const auto valid = check_working_set(pages, memory_size);
  if (!valid) return corrupt_working_set(valid.error().message());
  return pages;
}

}  // namespace snaphammer::snapshot
