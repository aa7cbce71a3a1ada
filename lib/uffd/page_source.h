// PageSource: where the page server gets a guest's memory from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::uffd {

/// A range of the memory file.
struct Extent {
  ByteCount offset = 0;
  ByteCount length = 0;

  ByteCount end() const { return offset + length; }
  bool operator==(const Extent&) const = default;
};

/// The content of a guest's whole memory at one moment; never changes. Any thread may read.
class PageSource {
 public:
  virtual ~PageSource() = default;

  virtual ByteCount size() const = 0;
  /// The ranges that may hold data, ascending, disjoint, page-aligned; everything else is zeros.
  virtual const std::vector<Extent>& data() const = 0;
  /// The bytes of [offset, offset + length), a page-aligned range inside the memory. The answer is a view either
  /// into memory that lives as long as the source, or into `scratch` (of at least `length` bytes). It may be of a mapped
  /// file that somebody makes shorter: the kernel then answers EFAULT, any other reader needs read_mapped().
  virtual Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length,
                                                  std::span<std::byte> scratch) const = 0;
  /// A range that includes [offset, offset + length) and that read() would return without waiting for a disk or the
  /// like; an empty one when it would wait. A page that is at hand is served by the thread that read its fault, any other
  /// by one that does not keep it from reading.
  virtual Extent at_hand(ByteCount offset, std::size_t length) const = 0;
  /// Changes when what at_hand() said before no longer holds.
  virtual std::uint64_t at_hand_version() const { return 0; }
  /// Nobody needs its bytes any more: whoever waits in read() for anything but the bytes themselves goes on.
  virtual void interrupt() const {}
};

}  // namespace snaphammer::uffd
