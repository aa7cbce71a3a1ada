// What zero-pages writes into a page, as a function of (seed, page, round): nothing has to be remembered to check
// it later, and stale bytes tell which write they come from.
//
//   fill(page, {.seed = 1, .page = 17, .round = 2});
//   if (!holds(page, key)) std::size_t at = first_difference(page, key);
//   std::optional<Key> writer = writer_of(page, seed);
//
// 64-bit generator and word compares: this runs on emulated CPUs. No allocation, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::zero_pages {

using workload::kPageBytes;
inline constexpr std::size_t kPageWords = kPageBytes / sizeof(std::uint64_t);

using Page = std::span<std::uint64_t, kPageWords>;
using ConstPage = std::span<const std::uint64_t, kPageWords>;

struct Key {
  std::uint64_t seed = 0;
  std::uint32_t page = 0;
  std::uint32_t round = 0;
};

void fill(Page page, const Key& key);

/// Whether every byte is what fill() wrote.
bool holds(ConstPage page, const Key& key);
/// The offset in bytes of the first byte that is not; kPageBytes when all are.
std::size_t first_difference(ConstPage page, const Key& key);
/// The bytes that fill() wrote from `offset` on, as many as `bytes` has; the range stays inside the page.
void expected_bytes(const Key& key, std::size_t offset, std::span<std::uint8_t> bytes);

/// Writes to the first word, so that the kernel has to give the page real memory: a read of a page never written
/// gets the shared zero page and looks at no memory of this page at all.
void touch(Page page);
/// Whether all of the page but the touched word is zero.
bool is_fresh(ConstPage page);
/// The offset in bytes of the first byte, after the touched word, that is not zero; kPageBytes when all are.
std::size_t first_stale(ConstPage page);

/// Whose pattern the page holds, the touched word aside; nullopt when it is not one of this seed's.
std::optional<Key> writer_of(ConstPage page, std::uint64_t seed);

}  // namespace snaphammer::zero_pages
