#include "guest-workloads/workloads/zero-pages/pattern.h"

#include <cstring>

namespace snaphammer::zero_pages {
namespace {

// Two words of each page name its writer; the touched word is not one of them.
constexpr std::size_t kTouchedWord = 0;
constexpr std::size_t kMagicWord = 1;
constexpr std::size_t kWriterWord = 2;
constexpr std::size_t kFirstPatternWord = 3;

constexpr std::uint64_t kTouch = 0x7a65726f70616765;

constexpr std::uint64_t writer_word(const Key& key) { return std::uint64_t{key.round} << 32 | key.page; }
constexpr std::uint64_t magic_word(std::uint64_t seed) { return workload::mix(seed + workload::kGolden); }

workload::KeyedWords words_of(const Key& key) { return {key.seed, writer_word(key)}; }

// The page as it should be: the slow way, for reports.
void fill_copy(std::uint64_t (&words)[kPageWords], const Key& key) { fill(Page(words), key); }

std::size_t first_different_byte(const void* a, const void* b, std::size_t from) {
  const auto* left = static_cast<const std::uint8_t*>(a);
  const auto* right = static_cast<const std::uint8_t*>(b);
  while (from < kPageBytes && left[from] == right[from]) ++from;
  return from;
}

}  // namespace

void fill(Page page, const Key& key) {
  const workload::KeyedWords words = words_of(key);
  page[kTouchedWord] = words.at(kTouchedWord);
  page[kMagicWord] = magic_word(key.seed);
  page[kWriterWord] = writer_word(key);
  for (std::size_t i = kFirstPatternWord; i < kPageWords; ++i) page[i] = words.at(i);
}

bool holds(ConstPage page, const Key& key) {
  const workload::KeyedWords words = words_of(key);
  std::uint64_t difference = page[kTouchedWord] ^ words.at(kTouchedWord);
  difference |= page[kMagicWord] ^ magic_word(key.seed);
  difference |= page[kWriterWord] ^ writer_word(key);
  for (std::size_t i = kFirstPatternWord; i < kPageWords; ++i) difference |= page[i] ^ words.at(i);
  return difference == 0;
}

std::size_t first_difference(ConstPage page, const Key& key) {
  std::uint64_t expected[kPageWords];
  fill_copy(expected, key);
  return first_different_byte(page.data(), expected, 0);
}

void expected_bytes(const Key& key, std::size_t offset, std::span<std::uint8_t> bytes) {
  std::uint64_t expected[kPageWords];
  fill_copy(expected, key);
  std::memcpy(bytes.data(), reinterpret_cast<const std::uint8_t*>(expected) + offset, bytes.size());
}

void touch(Page page) {
  // Volatile: the write must happen before the reads that follow, though fill() overwrites it.
  *const_cast<volatile std::uint64_t*>(&page[kTouchedWord]) = kTouch;
}

bool is_fresh(ConstPage page) {
  std::uint64_t any = 0;
  for (std::size_t i = kTouchedWord + 1; i < kPageWords; ++i) any |= page[i];
  return any == 0;
}

std::size_t first_stale(ConstPage page) {
  static constexpr std::uint64_t kZeros[kPageWords] = {};
  return first_different_byte(page.data(), kZeros, (kTouchedWord + 1) * sizeof(std::uint64_t));
}

std::optional<Key> writer_of(ConstPage page, std::uint64_t seed) {
  if (page[kMagicWord] != magic_word(seed)) return std::nullopt;
  const Key writer{.seed = seed,
                   .page = static_cast<std::uint32_t>(page[kWriterWord]),
                   .round = static_cast<std::uint32_t>(page[kWriterWord] >> 32)};
  std::uint64_t expected[kPageWords];
  fill_copy(expected, writer);
  const std::size_t after_touched = (kTouchedWord + 1) * sizeof(std::uint64_t);
  if (first_different_byte(page.data(), expected, after_touched) != kPageBytes) return std::nullopt;
  return writer;
}

}  // namespace snaphammer::zero_pages
