#include "lib/vsock/byte_queue.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace snaphammer::vsock {

void ByteQueue::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t end = begin_ + size_;
    if (end == blocks_.size() * kBlockSize) {
      blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kBlockSize));
    }
    const std::size_t offset = end % kBlockSize;
    const std::size_t count = std::min(bytes.size(), kBlockSize - offset);
    std::memcpy(blocks_.back().get() + offset, bytes.data(), count);
    size_ += count;
    bytes = bytes.subspan(count);
  }
}

std::span<const std::byte> ByteQueue::front() const {
  if (empty()) return {};
  return {blocks_.front().get() + begin_, std::min(size_, kBlockSize - begin_)};
}

void ByteQueue::consume(std::size_t count) {
  assert(count <= size_);
  begin_ += count;
  size_ -= count;
  while (begin_ >= kBlockSize) {
    blocks_.pop_front();
    begin_ -= kBlockSize;
  }
  if (empty()) clear();
}

std::vector<std::byte> ByteQueue::take(std::size_t count) {
  assert(count <= size_);
  std::vector<std::byte> bytes;
  bytes.reserve(count);
  while (bytes.size() < count) {
    const auto piece = front().first(std::min(front().size(), count - bytes.size()));
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    consume(piece.size());
  }
  return bytes;
}

void ByteQueue::clear() {
  blocks_.clear();
  begin_ = 0;
  size_ = 0;
}

}  // namespace snaphammer::vsock
