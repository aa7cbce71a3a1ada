#include "lib/uffd/source_reader.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <sys/mman.h>

#include "lib/base/mapped_read.h"

namespace snaphammer::uffd {
namespace {

constexpr Duration kFirstRetryAfter = std::chrono::milliseconds(1);
constexpr Duration kLongestRetryAfter = std::chrono::milliseconds(250);
constexpr Duration kAtHandFor = std::chrono::milliseconds(5);

/// Reads a byte of each page, so that file-backed bytes are in the page cache and mapped; false when the file no longer
/// has them.
bool make_resident(std::span<const std::byte> bytes) {
  return read_mapped([bytes] {
    for (std::size_t at = 0; at < bytes.size(); at += kPageSize) {
      static_cast<void>(*static_cast<const volatile std::byte*>(bytes.data() + at));
    }
  });
}

}  // namespace

bool SourceReader::has_data(ByteCount offset, ByteCount length) const {
  const std::vector<Extent>& data = source_.data();
  const auto after =
      std::partition_point(data.begin(), data.end(), [offset](const Extent& extent) { return extent.end() <= offset; });
  return after != data.end() && after->offset < offset + length;
}

bool SourceReader::at_hand(ByteCount offset, ByteCount length, TimePoint now) {
  const auto covers = [&](const Extent& extent) { return extent.offset <= offset && offset + length <= extent.end(); };
  const std::uint64_t version = source_.at_hand_version();
  for (const AtHand& known : at_hand_) {
    if (now < known.until && version == known.version && covers(known.extent)) return true;
  }
  const Extent found = source_.at_hand(offset, length);
  at_hand_[oldest_++ % at_hand_.size()] = {found, now + kAtHandFor, version};
  return covers(found);
}

Result<std::span<const std::byte>> SourceReader::read(ByteCount offset, ByteCount length) {
  Duration pause = kFirstRetryAfter;
  for (unsigned attempt = 0;; ++attempt) {
    Result<std::span<const std::byte>> bytes = try_read(offset, length);
    if (bytes) return bytes;
    trace_.add(TraceKind::kReadError, {offset, length}, SteadyClock::now());
    if (attempt == retries_) {
      counters_.read_failures.add();
      return bytes.error().in(fmt::format("page {:#x}: {} tries to read it from the snapshot", offset, attempt + 1));
    }
    counters_.read_retries.add();
    if (stop_.wait_for(pause)) return Error(ErrorKind::kCancelled, "stopped");
    pause = std::min(2 * pause, kLongestRetryAfter);
  }
}

Result<std::span<const std::byte>> SourceReader::try_read(ByteCount offset, ByteCount length) {
  if (scratch_.size() < length) {
    SNAP_ASSIGN(scratch_, Mapping::map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS));
  }
  SNAP_ASSIGN(const std::span<const std::byte> bytes, source_.read(offset, length, scratch_.bytes()));
  if (bytes.size() != length) {
    return Error(ErrorKind::kCorrupt, fmt::format("the source gave {} of {} bytes", bytes.size(), length));
  }
  if (!make_resident(bytes)) return Error(ErrorKind::kCorrupt, "the file of its bytes was cut off");
  return bytes;
}

}  // namespace snaphammer::uffd
