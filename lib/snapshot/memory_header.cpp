#include "lib/snapshot/memory_header.h"

#include <algorithm>
#include <cassert>

namespace snaphammer::snapshot {

HeaderBuilder::HeaderBuilder(BuildId build, ByteCount size) {
  assert(size > 0 && size % kPageSize == 0);
  header_.map.size = size;
  header_.map.sources = {BuildId(), build};
}

void HeaderBuilder::append(ByteCount length, std::uint32_t source, ByteCount storage) {
  if (length == 0) return;
  assert(length % kPageSize == 0 && length <= header_.map.size - position_);
  Run* last = header_.map.runs.empty() ? nullptr : &header_.map.runs.back();
  if (last != nullptr && last->source == source) {
    // A generation stores its pages in guest order, so neighbours in the guest are neighbours in its file, too.
    assert(source == MemoryMap::kZerosSource || last->storage + last->length == storage);
    last->length += length;
  } else {
    header_.map.runs.push_back({.offset = position_, .length = length, .storage = storage, .source = source});
  }
  position_ += length;
}

void HeaderBuilder::append_zeros(ByteCount length) { append(length, MemoryMap::kZerosSource, 0); }

void HeaderBuilder::append_stored(std::span<const Checksum> blocks) {
  append(blocks.size() * kPageSize, MemoryMap::kOwnSource, header_.stored());
  header_.blocks.insert(header_.blocks.end(), blocks.begin(), blocks.end());
}

void HeaderBuilder::append_inherited(const MemoryMap& parent, ByteCount length) {
  assert(parent.size == header_.map.size && length <= header_.map.size - position_);
  const ByteCount end = position_ + length;
  while (position_ < end) {
    while (parent.runs[parent_run_].end() <= position_) ++parent_run_;
    const Run& run = parent.runs[parent_run_];
    const ByteCount part = std::min(run.end(), end) - position_;
    if (run.zeros()) {
      append_zeros(part);
    } else {
      append(part, index_of(parent.sources[run.source]), run.storage + (position_ - run.offset));
    }
  }
}

std::uint32_t HeaderBuilder::index_of(BuildId build) {
  const auto found = std::find(header_.map.sources.begin(), header_.map.sources.end(), build);
  const auto index = static_cast<std::uint32_t>(found - header_.map.sources.begin());
  if (found == header_.map.sources.end()) header_.map.sources.push_back(build);
  return index;
}

MemoryHeader HeaderBuilder::finish() && {
  assert(position_ == header_.map.size);
  return std::move(header_);
}

std::size_t MemoryMap::find_run(ByteCount offset) const {
  const auto after =
      std::upper_bound(runs.begin(), runs.end(), offset, [](ByteCount at, const Run& run) { return at < run.offset; });
  return static_cast<std::size_t>(after - runs.begin()) - 1;
}

}  // namespace snaphammer::snapshot
