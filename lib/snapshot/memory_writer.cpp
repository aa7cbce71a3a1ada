#include "lib/snapshot/memory_writer.h"

#include <algorithm>

#include <sys/mman.h>

#include "lib/snapshot/durable_file.h"

namespace snaphammer::snapshot {
namespace {

// Large enough to be worth dividing among threads, small enough to be in the cache still when it is written.
constexpr std::size_t kChunk = 8_MiB;

}  // namespace

MemoryWriter::MemoryWriter(const UniqueFd& fd, std::filesystem::path path, BuildId build, ByteCount size,
                           std::shared_ptr<const MemoryReader> parent, ZeroBlocks zero_blocks)
    : fd_(fd), path_(std::move(path)), parent_(std::move(parent)), zero_blocks_(zero_blocks), builder_(build, size) {}

Result<void> MemoryWriter::write(const MemoryImage& image) {
  SNAP_ASSIGN(const std::vector<ImageSegment> segments, segments_of(image));
  // The guest's RAM is mapped rather than copied through a buffer. Only its data segments are touched: a read in
  // a hole would allocate a page there.
  Mapping ram;
  if (image.ram_fd >= 0) {
    SNAP_ASSIGN(ram, Mapping::map(image.size, PROT_READ, MAP_SHARED, image.ram_fd));
  }
  for (const auto& [kind, range] : segments) {
    switch (kind) {
      case ImageSegment::Kind::kZeros:
        zeros(range.length);
        break;
      case ImageSegment::Kind::kRam:
        SNAP_TRY(data(ram.bytes().subspan(range.offset, range.length)));
        break;
      case ImageSegment::Kind::kUntouched:
        SNAP_TRY(write_untouched(image, range));
        break;
    }
  }
  return {};
}

Result<void> MemoryWriter::write_untouched(const MemoryImage& image, const Extent& range) {
  const MemoryReader& base = *image.base;
  if (parent_ && parent_->build() == base.build()) {
    unchanged(range.length);
    return {};
  }
  std::size_t index = base.map().find_run(range.offset);
  for (ByteCount at = range.offset; at < range.end();) {
    const Run& run = base.map().runs[index];
    const ByteCount end = std::min(run.end(), range.end());
    if (run.zeros()) {
      zeros(end - at);
      at = end;
    }
    while (at < end) {
      const std::size_t length = std::min<ByteCount>(kChunk, end - at);
      // Inside one run, so it is a view, and nothing is to be gathered. Its checksums have just been found right.
      SNAP_ASSIGN(const auto bytes, base.read_checked(at, length, {}));
      pages_.clear();
      for (std::size_t page = 0; page < length; page += kPageSize) {
        pages_.push_back(
            {.zeros = false, .checksum = base.block_checksum(run, run.storage + (at + page - run.offset))});
      }
      SNAP_TRY(store(bytes, pages_));
      at += length;
    }
    ++index;
  }
  return {};
}

void MemoryWriter::zeros(ByteCount length) {
  if (parent_ && zero_blocks_ == ZeroBlocks::kUnchanged) return unchanged(length);
  builder_.append_zeros(length);
}

Result<void> MemoryWriter::data(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto chunk = bytes.first(std::min(bytes.size(), kChunk));
    bytes = bytes.subspan(chunk.size());
    summarize(chunk, pages_);
    SNAP_TRY(store(chunk, pages_));
  }
  return {};
}

// Pages with the same verdict go on together: one write for all that are stored.
Result<void> MemoryWriter::store(std::span<const std::byte> bytes, std::span<const PageSummary> pages) {
  const ByteCount offset = builder_.position();
  for (std::size_t begin = 0, end = 0; begin < pages.size(); begin = end) {
    const Verdict verdict = judge(offset + begin * kPageSize, pages[begin]);
    do {
      ++end;
    } while (end < pages.size() && judge(offset + end * kPageSize, pages[end]) == verdict);
    SNAP_TRY(append(verdict, bytes.subspan(begin * kPageSize, (end - begin) * kPageSize),
                    pages.subspan(begin, end - begin)));
  }
  return {};
}

MemoryWriter::Verdict MemoryWriter::judge(ByteCount offset, const PageSummary& page) {
  if (page.zeros) return Verdict::kZeros;
  if (!parent_) return Verdict::kStored;
  const std::vector<Run>& runs = parent_->map().runs;
  while (runs[parent_run_].end() <= offset) ++parent_run_;
  const Run& run = runs[parent_run_];
  if (run.zeros()) return Verdict::kStored;
  const bool same = parent_->block_checksum(run, run.storage + (offset - run.offset)) == page.checksum;
  return same ? Verdict::kUnchanged : Verdict::kStored;
}

Result<void> MemoryWriter::append(Verdict verdict, std::span<const std::byte> bytes,
                                  std::span<const PageSummary> pages) {
  switch (verdict) {
    case Verdict::kZeros:
      zeros(bytes.size());
      return {};
    case Verdict::kUnchanged:
      unchanged(bytes.size());
      return {};
    case Verdict::kStored:
      break;
  }
  SNAP_TRY(write_at(fd_, path_, stored_, bytes));
  stored_ += bytes.size();
  checksums_.clear();
  for (const PageSummary& page : pages) checksums_.push_back(page.checksum);
  builder_.append_stored(checksums_);
  return {};
}

}  // namespace snaphammer::snapshot
