#include "lib/sandbox/balloon.h"

#include <gtest/gtest.h>

namespace snaphammer::sandbox {
namespace {

constexpr ByteCount kWhole = 256_MiB;

agent::Metrics available(ByteCount bytes) {
  agent::Metrics metrics;
  metrics.memory_available = bytes;
  return metrics;
}

TEST(SpareMemory, IsWhatTheHostHoldsAndTheGuestDoesNotUse) {
  EXPECT_EQ(spare_memory(available(156_MiB), kWhole, 180_MiB), 80_MiB);
}

TEST(SpareMemory, LeavesTheFloor) { EXPECT_EQ(spare_memory(available(150_MiB), kWhole, kWhole), 86_MiB); }

TEST(SpareMemory, IsNothingWhenTheGuestHasLessThanTheFloor) {
  EXPECT_EQ(spare_memory(available(60_MiB), kWhole, kWhole), 0u);
}

TEST(SpareMemory, IsNothingWhenTheHostHoldsNoMoreThanTheGuestUses) {
  EXPECT_EQ(spare_memory(available(156_MiB), kWhole, 100_MiB), 0u);
  EXPECT_EQ(spare_memory(available(156_MiB), kWhole, 0), 0u);
}

TEST(SpareMemory, IsNothingWhenItIsTooLittleToPay) {
  EXPECT_EQ(spare_memory(available(156_MiB), kWhole, 163_MiB), 0u);
  EXPECT_EQ(spare_memory(available(156_MiB), kWhole, 164_MiB), 64_MiB);
}

TEST(SpareMemory, BearsNumbersThatCannotBe) {
  EXPECT_EQ(spare_memory(available(500_MiB), kWhole, 500_MiB), 436_MiB);
  EXPECT_EQ(spare_memory(available(0), 0, 0), 0u);
}

}  // namespace
}  // namespace snaphammer::sandbox
