#include "guest-workloads/workloads/cpp-heap/block.h"

#include <algorithm>
#include <cstring>

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::cpp_heap {
namespace {

using workload::KeyedWords;
using workload::kPageBytes;

constexpr std::size_t kWord = sizeof(std::uint64_t);
// How far back examine() looks for what a page held: more generations than fit between two snapshots need not be told
// apart from foreign bytes.
constexpr std::uint32_t kGenerationsKnown = 64;

KeyedWords words_of(const Key& key) { return {key.seed, std::uint64_t{key.generation} << 32 | key.index}; }

std::uint64_t canary(const Block& block, std::size_t i) {
  return workload::mix((block.address() + i * kWord) ^ block.key.seed * workload::kGolden);
}

/// What one block's words should be, one by one: the slow way, for reports.
class Expected {
 public:
  explicit Expected(const Block& block) : block_(block), words_(words_of(block.key)) {}
  std::uint64_t at(std::size_t i) const { return i == 0 || i == block_.count - 1 ? canary(block_, i) : words_.at(i); }

 private:
  Block block_;
  KeyedWords words_;
};

struct Zeros {
  std::uint64_t at(std::size_t) const { return 0; }
};

template <class Words>
bool are(const Block& block, const Words& words, std::size_t first, std::size_t end) {
  for (std::size_t i = first; i < end; ++i) {
    if (block.words[i] != words.at(i)) return false;
  }
  return true;
}

template <class Words>
std::optional<Damage> compare(const Block& block, const Words& words) {
  std::size_t first = 0;
  while (first < block.count && block.words[first] == words.at(first)) ++first;
  if (first == block.count) return std::nullopt;
  Damage damage;
  std::uint64_t difference = block.words[first] ^ words.at(first);
  damage.offset = first * kWord;
  for (; (difference & 0xff) == 0; difference >>= 8) ++damage.offset;
  damage.shown = std::min(Damage::kShown, block.bytes() - damage.offset);
  for (std::size_t i = 0; i < damage.shown; ++i) {
    const std::size_t at = damage.offset + i;
    damage.expected[i] = static_cast<std::uint8_t>(words.at(at / kWord) >> at % kWord * 8);
  }
  std::memcpy(damage.read, reinterpret_cast<const std::uint8_t*>(block.words) + damage.offset, damage.shown);
  return damage;
}

}  // namespace

void fill(const Block& block) {
  const KeyedWords words = words_of(block.key);
  const std::size_t last = block.count - 1;
  block.words[0] = canary(block, 0);
  for (std::size_t i = 1; i < last; ++i) block.words[i] = words.at(i);
  block.words[last] = canary(block, last);
}

bool holds(const Block& block) {
  const KeyedWords words = words_of(block.key);
  const std::size_t last = block.count - 1;
  std::uint64_t difference = block.words[0] ^ canary(block, 0);
  for (std::size_t i = 1; i < last; ++i) difference |= block.words[i] ^ words.at(i);
  return (difference | (block.words[last] ^ canary(block, last))) == 0;
}

std::optional<Damage> examine(const Block& block) {
  std::optional<Damage> damage = compare(block, Expected(block));
  if (!damage) return damage;
  const std::uintptr_t wrong = block.address() + damage->offset;
  const std::uintptr_t page = wrong / kPageBytes * kPageBytes;
  const std::size_t first = page > block.address() ? (page - block.address()) / kWord : 0;
  const std::size_t end = std::min(block.count, (page + kPageBytes - block.address()) / kWord);
  if (are(block, Zeros{}, first, end)) damage->held = Held::kZeros;
  Block earlier = block;
  for (std::uint32_t back = 1; back <= std::min(block.key.generation, kGenerationsKnown); ++back) {
    earlier.key.generation = block.key.generation - back;
    if (!are(block, Expected(earlier), first, end)) continue;
    damage->held = Held::kEarlierGeneration;
    damage->generation = earlier.key.generation;
    break;
  }
  return damage;
}

std::optional<Damage> examine_zeroed(const Block& block) { return compare(block, Zeros{}); }

}  // namespace snaphammer::cpp_heap
