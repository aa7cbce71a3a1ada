// MemoryWriter: writes one generation's memory file and builds its mapping header, in guest order.
//
//   MemoryWriter writer(fd, path, build, size, parent, zero_blocks);   // parent is null for a full snapshot
//   SNAP_TRY(writer.write(image));
//   SNAP_ASSIGN(MemoryHeader header, writer.finish());
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/snapshot/memory_header.h"
#include "lib/snapshot/memory_image.h"
#include "lib/snapshot/memory_reader.h"
#include "lib/snapshot/options.h"
#include "lib/snapshot/page_summary.h"

namespace snaphammer::snapshot {

/// One thread. `fd` is an empty file, the caller's; `path` is for messages.
class MemoryWriter {
 public:
  MemoryWriter(const UniqueFd& fd, std::filesystem::path path, BuildId build, ByteCount size,
               std::shared_ptr<const MemoryReader> parent, ZeroBlocks zero_blocks);

  /// Writes the whole image, which has the size given above.
  Result<void> write(const MemoryImage& image);
  /// After write().
  MemoryHeader finish() && { return std::move(builder_).finish(); }

 private:
  Result<void> write_untouched(const MemoryImage& image, const Extent& range);
  // The next bytes of guest memory: given, zeros, or as in the parent.
  Result<void> data(std::span<const std::byte> bytes);
  void zeros(ByteCount length);
  void unchanged(ByteCount length) { builder_.append_inherited(parent_->map(), length); }

  Result<void> store(std::span<const std::byte> bytes, std::span<const PageSummary> pages);

  enum class Verdict { kZeros, kUnchanged, kStored };
  Verdict judge(ByteCount offset, const PageSummary& page);
  Result<void> append(Verdict verdict, std::span<const std::byte> bytes, std::span<const PageSummary> pages);

  const UniqueFd& fd_;
  std::filesystem::path path_;
  std::shared_ptr<const MemoryReader> parent_;
  ZeroBlocks zero_blocks_;
  HeaderBuilder builder_;
  ByteCount stored_ = 0;
  std::size_t parent_run_ = 0;       // The parent's run at the page that judge() looked at last.
  std::vector<PageSummary> pages_;   // Kept for their memory only.
  std::vector<Checksum> checksums_;  // The same.
};

}  // namespace snaphammer::snapshot
