#include "lib/uffd/working_set.h"

#include <algorithm>

namespace snaphammer::uffd {

WorkingSet::WorkingSet(ByteCount memory_size, std::vector<Extent> foreseen) : foreseen_(std::move(foreseen)) {
  std::erase_if(foreseen_, [memory_size](const Extent& extent) {
    return extent.offset % kPageSize != 0 || extent.length % kPageSize != 0 || extent.length == 0 ||
           extent.offset > memory_size || extent.length > memory_size - extent.offset;
  });
  if (foreseen_.empty()) return;
  is_foreseen_.resize(memory_size / kPageSize);
  for (const Extent& extent : foreseen_) {
    for (ByteCount at = extent.offset; at < extent.end(); at += kPageSize) is_foreseen_[at / kPageSize] = true;
  }
}

bool WorkingSet::is_foreseen(ByteCount offset) const {
  return !is_foreseen_.empty() && is_foreseen_[offset / kPageSize];
}

void WorkingSet::touched(ByteCount offset, ByteCount length) {
  const std::lock_guard lock(mutex_);
  for (ByteCount at = offset; at < offset + length; at += kPageSize) {
    if (!is_foreseen(at)) touched_.push_back(static_cast<std::uint32_t>(at / kPageSize));
  }
}

std::vector<Extent> WorkingSet::record() const {
  std::vector<Extent> record = foreseen_;
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t page : touched_) {
    const ByteCount offset = ByteCount{page} * kPageSize;
    if (!record.empty() && record.back().end() == offset) {
      record.back().length += kPageSize;
    } else {
      record.push_back({offset, kPageSize});
    }
  }
  return record;
}

}  // namespace snaphammer::uffd
