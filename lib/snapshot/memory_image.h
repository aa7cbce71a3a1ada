// MemoryImage: the memory of a paused guest, as a snapshot is to be taken from it.
//
//   MemoryImage image{.ram_fd = vm.ram().fd, .size = vm.ram().size};     // a guest that was booted here
//   MemoryImage image{.ram_fd = ..., .size = ...,                        // one restored from s1, its pages
//                     .untouched = missing, .base = s1.memory};          // served on demand
//
// The guest must not run while the image is in use. The descriptor stays the caller's.
#pragma once

#include <memory>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::snapshot {

class MemoryReader;

/// A range of guest memory, in bytes of the memory file; page-aligned.
struct Extent {
  ByteCount offset = 0;
  ByteCount length = 0;

  ByteCount end() const { return offset + length; }
  bool operator==(const Extent&) const = default;
};

struct MemoryImage {
  /// The file that is the guest's RAM (a memfd). A hole is zeros unless it is listed in
  /// `untouched`. May be -1 when `untouched` covers everything.
  int ram_fd = -1;
  ByteCount size = 0;
  /// Ranges that were never fetched since the restore: their content is still what `base` says, and
  /// `ram_fd` has holes there. Ascending, disjoint, page-aligned.
  std::vector<Extent> untouched = {};
  /// The memory of the snapshot that the guest was restored from; needed when `untouched` is not
  /// empty.
  std::shared_ptr<const MemoryReader> base = nullptr;
};

/// One stretch of an image whose content comes from one place.
struct ImageSegment {
  enum class Kind { kZeros, kRam, kUntouched };
  Kind kind;
  Extent range;

  bool operator==(const ImageSegment&) const = default;
};

/// The whole image as segments: ascending, without gaps. Uses SEEK_DATA only, so it allocates
/// nothing in the guest's RAM. An image that breaks its contract is an error, as is RAM that holds
/// data in an untouched range: then whoever tracked the pages is wrong, and a snapshot would lose
/// that data.
Result<std::vector<ImageSegment>> segments_of(const MemoryImage& image);

}  // namespace snaphammer::snapshot
