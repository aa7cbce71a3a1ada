// Lets the page server serve a stored snapshot.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "lib/snapshot/memory_reader.h"
#include "lib/uffd/page_source.h"

namespace snaphammer::sandbox {

class SnapshotPageSource final : public uffd::PageSource {
 public:
  explicit SnapshotPageSource(std::shared_ptr<const snapshot::MemoryReader> memory) : memory_(std::move(memory)) {
    for (const snapshot::Extent& extent : memory_->data()) data_.push_back({extent.offset, extent.length});
  }

  ByteCount size() const override { return memory_->size(); }
  const std::vector<uffd::Extent>& data() const override { return data_; }
  Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length,
                                          std::span<std::byte> scratch) const override {
    return memory_->read(offset, length, scratch);
  }
  uffd::Extent at_hand(ByteCount offset, std::size_t length) const override {
    const snapshot::Extent resident = memory_->resident_around(offset, length);
    return {resident.offset, resident.length};
  }

 private:
  std::shared_ptr<const snapshot::MemoryReader> memory_;
  std::vector<uffd::Extent> data_;
};

}  // namespace snaphammer::sandbox
