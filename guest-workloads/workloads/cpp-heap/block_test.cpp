#include "guest-workloads/workloads/cpp-heap/block.h"

#include <array>

#include <gtest/gtest.h>

#include "guest-workloads/workloads/base/keyed_words.h"
#include "guest-workloads/workloads/cpp-heap/glibc_heap.h"
#include "guest-workloads/workloads/cpp-heap/worker.h"

namespace snaphammer::cpp_heap {
namespace {

using workload::kPageBytes;

class Blocks : public testing::Test {
 protected:
  static constexpr std::size_t kWords = 3 * kPageBytes / 8;

  Block block(std::size_t first, std::size_t count, std::uint32_t generation = 5) {
    return {.words = memory.data() + first, .count = count, .key = {.seed = 7, .index = 3, .generation = generation}};
  }
  static std::uint8_t& byte(const Block& block, std::size_t offset) {
    return reinterpret_cast<std::uint8_t*>(block.words)[offset];
  }
  alignas(kPageBytes) std::array<std::uint64_t, kWords> memory{};
};

TEST_F(Blocks, HoldWhatTheyWereFilledWith) {
  for (const std::size_t count : {4, 5, 13, 512, 1000}) {
    const Block filled = block(17, count);
    fill(filled);
    EXPECT_TRUE(holds(filled));
    EXPECT_FALSE(examine(filled));
  }
}

TEST_F(Blocks, EveryPlaceOfOneFlippedBitIsFound) {
  const Block filled = block(9, 40);
  for (std::size_t offset = 0; offset < filled.bytes(); ++offset) {
    fill(filled);
    const std::uint8_t written = byte(filled, offset);
    byte(filled, offset) ^= 0x20;
    ASSERT_FALSE(holds(filled)) << offset;
    const auto damage = examine(filled);
    ASSERT_TRUE(damage);
    EXPECT_EQ(damage->offset, offset);
    EXPECT_EQ(damage->held, Held::kOther);
    EXPECT_EQ(damage->expected[0], written);
    EXPECT_EQ(damage->read[0], written ^ 0x20);
    EXPECT_LE(offset + damage->shown, filled.bytes());
  }
}

TEST_F(Blocks, ThoseOfAnotherAddressOrGenerationAreFound) {
  const Block filled = block(0, 64);
  fill(filled);
  std::copy_n(filled.words, 64, memory.begin() + 64);
  Block copy = filled;
  copy.words = memory.data() + 64;
  EXPECT_FALSE(holds(copy)) << "the canaries know their address";
  Block later = filled;
  ++later.key.generation;
  EXPECT_FALSE(holds(later));
}

TEST_F(Blocks, APageThatWentBackInTimeIsToldByItsGeneration) {
  const Block old = block(100, 1000, 3);
  fill(old);
  const std::array<std::uint64_t, kWords> before = memory;
  const Block now = block(100, 1000, 5);
  fill(now);
  std::copy_n(before.begin() + 512, 512, memory.begin() + 512);  // The second page of three.
  const auto damage = examine(now);
  ASSERT_TRUE(damage);
  EXPECT_EQ(damage->offset, (512U - 100U) * 8);
  EXPECT_EQ(damage->held, Held::kEarlierGeneration);
  EXPECT_EQ(damage->generation, 3U);
}

TEST_F(Blocks, APageThatBecameZeroIsToldAndAPartOfOneIsNot) {
  const Block filled = block(100, 1000);
  fill(filled);
  std::fill_n(memory.begin() + 512, 512, 0);
  EXPECT_EQ(examine(filled)->held, Held::kZeros);
  fill(filled);
  std::fill_n(memory.begin() + 512, 300, 0);
  EXPECT_EQ(examine(filled)->held, Held::kOther);
}

TEST_F(Blocks, OneByteOfAZeroedBlockIsFound) {
  const Block zeroed = block(9, 40);
  EXPECT_FALSE(examine_zeroed(zeroed));
  byte(zeroed, 77) = 1;
  ASSERT_TRUE(examine_zeroed(zeroed));
  EXPECT_EQ(examine_zeroed(zeroed)->offset, 77U);
  EXPECT_EQ(examine_zeroed(zeroed)->expected[0], 0);
}

TEST_F(Blocks, DamageIsToldOnce) {
  Findings findings;
  GlibcHeap heap;
  const LiveBlock live{&heap, block(9, 40)};
  fill(live.block);
  byte(live.block, 50) ^= 1;
  verify(live, findings);
  EXPECT_EQ(findings.corruptions(), 1U);
  verify(live, findings);
  EXPECT_EQ(findings.corruptions(), 1U);
}

}  // namespace
}  // namespace snaphammer::cpp_heap
