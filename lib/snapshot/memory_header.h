// The mapping header of a generation: for each byte of guest memory, which generation's memory file
// holds it.
//
// It maps every guest offset, in order, to (build id, storage offset, length). The nil build id is
// zeros, recorded like anything else, so "became zero" and "unchanged since the parent" can never
// be confused: what is unchanged names the generation that stores it. A header is complete in
// itself; reading never walks a chain of parents. Guest pages are stored in guest order, each at
// most once per generation.
//
//   HeaderBuilder builder(build, size);
//   builder.append_stored(checksums);             // the next pages are in this generation's own
//   memory file builder.append_zeros(1_MiB); builder.append_inherited(parent, 4_KiB);      // as
//   the parent has it at this offset const std::vector<std::byte> file = encode(builder.finish());
//
// Plain values; one thread at a time while building.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"
#include "lib/snapshot/ids.h"

namespace snaphammer::snapshot {

/// A stretch of guest memory that lies contiguously in one place.
struct Run {
  ByteCount offset = 0;      ///< In guest memory.
  ByteCount length = 0;      ///< Never 0.
  ByteCount storage = 0;     ///< In the memory file of its source; 0 for zeros.
  std::uint32_t source = 0;  ///< Index into MemoryMap::sources.

  ByteCount end() const { return offset + length; }
  bool zeros() const { return source == 0; }
  bool operator==(const Run&) const = default;
};

/// Where each byte of a guest's memory is.
struct MemoryMap {
  static constexpr std::uint32_t kZerosSource = 0;  ///< The nil build id.
  static constexpr std::uint32_t kOwnSource = 1;    ///< This generation.

  ByteCount size = 0;            ///< Of the guest's memory.
  std::vector<BuildId> sources;  ///< [nil, own, older generations as they come up].
  std::vector<Run> runs;         ///< Ascending, from 0 to `size` without gap or overlap, maximal.

  BuildId build() const { return sources[kOwnSource]; }
  /// The run that holds `offset`, which lies inside the memory.
  std::size_t find_run(ByteCount offset) const;
  bool operator==(const MemoryMap&) const = default;
};

struct MemoryHeader {
  MemoryMap map;
  std::vector<Checksum> blocks;  ///< One for each page of the own memory file.

  /// The length of the own memory file.
  ByteCount stored() const { return blocks.size() * kPageSize; }
  bool operator==(const MemoryHeader&) const = default;
};

/// Builds a header in guest order; gaps, overlaps and unsorted runs cannot be expressed.
class HeaderBuilder {
 public:
  /// `size` is a multiple of the page size, not 0.
  HeaderBuilder(BuildId build, ByteCount size);

  /// Where the next run begins.
  ByteCount position() const { return position_; }
  void append_zeros(ByteCount length);
  /// The next pages are the next pages of the own memory file, with these checksums.
  void append_stored(std::span<const Checksum> blocks);
  /// The next `length` bytes are what `parent`, a map of the same size, says of this range. The same at each call.
  void append_inherited(const MemoryMap& parent, ByteCount length);

  /// The header, once position() has reached the size.
  MemoryHeader finish() &&;

 private:
  void append(ByteCount length, std::uint32_t source, ByteCount storage);
  std::uint32_t index_of(BuildId build);

  MemoryHeader header_;
  ByteCount position_ = 0;
  std::size_t parent_run_ = 0;  // Of append_inherited(): the first run that does not end before position_.
};

/// The header as the file `memory.header`: little-endian, fixed-size records.
std::vector<std::byte> encode(const MemoryHeader& header);
/// Reads what encode() writes and nothing else: kCorrupt, saying what and where, for anything that
/// is no well-formed header (gap, overlap, misaligned or overflowing range, stored page used twice
/// or never, ...); kUnfit for a version that this program does not know. Untrusted input is fine.
Result<MemoryHeader> decode_header(std::span<const std::byte> file);

}  // namespace snaphammer::snapshot
