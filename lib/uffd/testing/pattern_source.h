// PatternSource: a PageSource whose bytes are regenerated from their offset, for tests and benchmarks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "lib/uffd/page_source.h"

namespace snaphammer::uffd {

/// The word at `offset` (a multiple of 8) of a pattern; never zero.
constexpr std::uint64_t pattern_word(ByteCount offset) {
  std::uint64_t x = offset + 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x | 1;
}

class PatternSource : public PageSource {
 public:
  /// Data in `data`, zeros elsewhere.
  PatternSource(ByteCount size, std::vector<Extent> data) : data_(std::move(data)), bytes_(size / 8) {
    for (const Extent& extent : data_) {
      for (ByteCount at = extent.offset; at < extent.end(); at += 8) bytes_[at / 8] = pattern_word(at);
    }
  }

  ByteCount size() const override { return bytes_.size() * 8; }
  const std::vector<Extent>& data() const override { return data_; }
  Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length, std::span<std::byte>) const override {
    return std::as_bytes(std::span(bytes_)).subspan(offset, length);
  }
  Extent at_hand(ByteCount, std::size_t) const override { return at_hand_ ? Extent{0, size()} : Extent{}; }
  /// Makes the server believe that no read of it waits.
  void put_at_hand() { at_hand_ = true; }

 private:
  std::vector<Extent> data_;
  std::vector<std::uint64_t> bytes_;
  bool at_hand_ = false;
};

}  // namespace snaphammer::uffd
