#include "lib/base/failpoint.h"

#include <barrier>
#include <thread>

#include <gtest/gtest.h>

namespace snaphammer {
namespace {

Failpoint sample("test.sample");

TEST(Failpoint, DoesNothingUntilArmed) { EXPECT_TRUE(sample.hit()); }

TEST(Failpoint, ActsWhileArmedAndCountsIt) {
  {
    const ScopedFailpoint guard("test.sample", [] { return Result<void>(Error(ErrorKind::kIo, "injected")); });
    EXPECT_EQ(sample.hit().error().message(), "injected");
    EXPECT_FALSE(sample.hit());
    EXPECT_EQ(guard.hits(), 2u);
  }
  EXPECT_TRUE(sample.hit());
}

TEST(Failpoint, ServesAsABarrierBetweenThreads) {
  std::barrier meeting(2);
  bool passed = false;
  std::thread other;
  {
    const ScopedFailpoint guard("test.sample", [&] {
      meeting.arrive_and_wait();  // reached
      meeting.arrive_and_wait();  // released
      return Result<void>();
    });
    other = std::thread([&] {
      ASSERT_TRUE(sample.hit());
      passed = true;
    });
    meeting.arrive_and_wait();
    EXPECT_FALSE(passed);
    meeting.arrive_and_wait();
  }
  other.join();
  EXPECT_TRUE(passed);
}

TEST(Failpoint, IsListedByName) {
  const auto names = Failpoint::names();
  EXPECT_NE(std::find(names.begin(), names.end(), "test.sample"), names.end());
}

TEST(FailpointDeathTest, ArmingAnUnknownNameIsAMistakeOfTheTest) {
  EXPECT_DEATH(ScopedFailpoint("no.such", [] { return Result<void>(); }), "no such failpoint");
}

}  // namespace
}  // namespace snaphammer
