// Bytes in the order they came, in blocks that are taken and given back as they are needed: however
// small the pieces that are appended, the memory is that of the bytes. Not thread-safe.
//
//   queue.append(bytes);
//   const std::size_t n = write(queue.front());
//   queue.consume(n);
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace snaphammer::vsock {

class ByteQueue {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void append(std::span<const std::byte> bytes);
  /// The first bytes that lie together; empty only when the queue is. Valid until the next
  /// consume() or clear().
  std::span<const std::byte> front() const;
  /// Removes the first `count` bytes; at most size().
  void consume(std::size_t count);
  /// Removes and returns the first `count` bytes; at most size().
  std::vector<std::byte> take(std::size_t count);
  void clear();

 private:
  static constexpr std::size_t kBlockSize = 16 * 1024;

  std::deque<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t begin_ = 0;  // Of the first byte, in the first block.
  std::size_t size_ = 0;
};

}  // namespace snaphammer::vsock
