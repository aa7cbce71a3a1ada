#include "lib/base/residency.h"

#include <algorithm>
#include <array>

#include <sys/mman.h>

#include "lib/base/units.h"

namespace snaphammer {
namespace {

constexpr std::size_t kWindow = 64_KiB;
constexpr std::size_t kLongest = 2_MiB;

}  // namespace

std::span<const std::byte> resident_around(std::span<const std::byte> mapping, std::size_t offset, std::size_t length) {
  if (length > kLongest) return {};
  const std::size_t window_start = offset / kWindow * kWindow;
  const std::size_t window_end = std::min(std::max(window_start + kWindow, offset + length), mapping.size());
  std::array<unsigned char, (kLongest + kWindow) / kPageSize> in_memory;
  void* const start = const_cast<std::byte*>(mapping.data() + window_start);  // mincore() takes it so, and only looks.
  if (::mincore(start, window_end - window_start, in_memory.data()) != 0) return {};
  const auto is_in_memory = [&](std::size_t at) { return (in_memory[(at - window_start) / kPageSize] & 1) != 0; };

  std::size_t end = offset;
  while (end < window_end && is_in_memory(end)) end += kPageSize;
  if (end < offset + length) return {};
  std::size_t begin = offset;
  while (begin > window_start && is_in_memory(begin - kPageSize)) begin -= kPageSize;
  return mapping.subspan(begin, std::min(end, mapping.size()) - begin);
}

}  // namespace snaphammer
