// A block of a heap and what it holds: every byte follows from its key and address, so no copy is kept to check it.
//
//   const Block block{.words = memory, .count = 16, .key = {.seed = 1, .index = 7, .generation = 2}};
//   fill(block);
//   if (const auto damage = examine(block)) ...
//
// The first and the last word are canaries: they tell the block's own address, so that neither an overrun nor bytes of
// another place go unseen. Between them is the pattern of the key. Any thread that has the block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace snaphammer::cpp_heap {

struct Key {
  std::uint64_t seed = 0;
  std::uint32_t index = 0;       ///< Of the allocation.
  std::uint32_t generation = 0;  ///< How often it was written in place since.
};

inline constexpr std::size_t kSmallestBlock = 32;

struct Block {
  std::uint64_t* words = nullptr;
  std::size_t count = 0;  ///< Words; at least kSmallestBlock bytes of them.
  Key key;

  std::size_t bytes() const { return count * sizeof(std::uint64_t); }
  std::uintptr_t address() const { return reinterpret_cast<std::uintptr_t>(words); }
};

void fill(const Block& block);
/// Whether every byte is what fill() wrote.
bool holds(const Block& block);

/// What the page of the first wrong byte holds instead, as far as the block reaches into it.
enum class Held {
  kZeros,
  kEarlierGeneration,  ///< What this block held before it was written in place.
  kOther,
};

struct Damage {
  static constexpr std::size_t kShown = 32;

  std::size_t offset = 0;  ///< In the block, of the first wrong byte.
  Held held = Held::kOther;
  std::uint32_t generation = 0;  ///< For kEarlierGeneration.
  std::size_t shown = 0;         ///< Bytes in the two arrays, from `offset` on.
  std::uint8_t expected[kShown] = {};
  std::uint8_t read[kShown] = {};
};

std::optional<Damage> examine(const Block& block);
/// The same for a block that was handed out as zeroed, and has not been filled since.
std::optional<Damage> examine_zeroed(const Block& block);

}  // namespace snaphammer::cpp_heap
