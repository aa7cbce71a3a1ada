#include "lib/snapshot/memory_image.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/snapshot/memory_reader.h"

namespace snaphammer::snapshot {
namespace {

using Kind = ImageSegment::Kind;

Error bad_image(const std::string& what) { return Error(ErrorKind::kInternal, "memory image: " + what); }

Result<void> check_contract(const MemoryImage& image) {
  if (image.size == 0 || image.size % kPageSize != 0) {
    return bad_image(fmt::format("size {} is not a whole number of pages", image.size));
  }
  ByteCount end = 0;
  for (const Extent& extent : image.untouched) {
    const bool aligned = extent.offset % kPageSize == 0 && extent.length % kPageSize == 0;
    const bool inside = extent.offset <= image.size && extent.length <= image.size - extent.offset;
    if (!aligned || !inside || extent.offset < end || extent.length == 0) {
      return bad_image(fmt::format("untouched range {:#x}+{:#x} is misaligned, outside or out of order", extent.offset,
                                   extent.length));
    }
    end = extent.end();
  }
  if (!image.untouched.empty() && !image.base) return bad_image("untouched ranges without a base snapshot");
  if (!image.untouched.empty() && image.base->size() != image.size) {
    return bad_image(fmt::format("size {}, but its base snapshot has {}", image.size, image.base->size()));
  }
  return {};
}

// SEEK_DATA or SEEK_HOLE from `from`, at most `limit`, where there is nothing more.
Result<ByteCount> seek(int fd, ByteCount from, int whence, ByteCount limit) {
  const off_t found = ::lseek(fd, static_cast<off_t>(from), whence);
  if (found >= 0) return std::min(static_cast<ByteCount>(found), limit);
  if (errno == ENXIO) return limit;
  return errno_error(fmt::format("look for data in guest RAM at {:#x}", from));
}

// Appends [from, to) as what the RAM file has there.
Result<void> append_ram(const MemoryImage& image, ByteCount from, ByteCount to, std::vector<ImageSegment>& segments) {
  while (from < to) {
    SNAP_ASSIGN(const ByteCount found, seek(image.ram_fd, from, SEEK_DATA, to));
    // A file system with smaller blocks may have data in a part of a page; the page is then data.
    const ByteCount data = std::max(from, found / kPageSize * kPageSize);
    if (data > from) segments.push_back({Kind::kZeros, {from, data - from}});
    if (data >= to) return {};
    SNAP_ASSIGN(const ByteCount gap, seek(image.ram_fd, found, SEEK_HOLE, to));
    const ByteCount hole = std::min(to, (gap + kPageSize - 1) / kPageSize * kPageSize);
    segments.push_back({Kind::kRam, {data, hole - data}});
    from = hole;
  }
  return {};
}

Result<void> expect_hole(const MemoryImage& image, const Extent& untouched) {
  if (image.ram_fd < 0) return {};
  SNAP_ASSIGN(const ByteCount data, seek(image.ram_fd, untouched.offset, SEEK_DATA, untouched.end()));
  if (data == untouched.end()) return {};
  return bad_image(fmt::format("guest RAM holds data at {:#x}, which is listed as untouched since the restore", data))
      .advise("the page tracker's record of the restore is wrong; do not trust this guest's snapshots");
}

}  // namespace

Result<std::vector<ImageSegment>> segments_of(const MemoryImage& image) {
  SNAP_TRY(check_contract(image));
  if (image.ram_fd >= 0) {
    struct stat status {};
    if (::fstat(image.ram_fd, &status) != 0) return errno_error("stat guest RAM");
    if (static_cast<ByteCount>(status.st_size) < image.size) {
      return bad_image(fmt::format("size {}, but the RAM file has {}", image.size, status.st_size));
    }
  }
  std::vector<ImageSegment> segments;
  ByteCount position = 0;
  const auto up_to = [&](ByteCount end) -> Result<void> {
    if (position == end) return {};
    if (image.ram_fd < 0) return bad_image(fmt::format("no RAM file, and {:#x} is not untouched", position));
    return append_ram(image, position, end, segments);
  };
  for (const Extent& untouched : image.untouched) {
    SNAP_TRY(up_to(untouched.offset));
    SNAP_TRY(expect_hole(image, untouched));
    segments.push_back({Kind::kUntouched, untouched});
    position = untouched.end();
  }
  SNAP_TRY(up_to(image.size));
  return segments;
}

}  // namespace snaphammer::snapshot
