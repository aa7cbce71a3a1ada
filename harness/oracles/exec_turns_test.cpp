#include "harness/oracles/exec_turns.h"

#include <gtest/gtest.h>

namespace snaphammer::oracles {
namespace {

using namespace std::chrono_literals;
using engine::ExecTurns;

/// Ten at once on two vCPUs, a single one takes 20 ms: a turn is 100 ms.
ExecTurns slowest(Duration time, double limit = 1.5) {
  return {.parallel = 10, .slowest = time, .single = 20ms, .vcpus = 2, .limit = limit};
}

TEST(ExecTurns, ATurnIsWhatTheCommandsTakeOneAfterAnother) {
  EXPECT_DOUBLE_EQ(slowest(120ms).multiple(), 1.2);
  const ExecTurns few{.parallel = 2, .slowest = 30ms, .single = 20ms, .vcpus = 4, .limit = 1};
  EXPECT_DOUBLE_EQ(few.multiple(), 1.5) << "no command is faster than a single one";
}

TEST(ExecTurns, WithinTheLimitNothingIsBroken) {
  EXPECT_FALSE(broken_turns({}));
  EXPECT_FALSE(broken_turns({slowest(150ms)}));
}

TEST(ExecTurns, TheMedianOfARunDecides) {
  EXPECT_FALSE(broken_turns({slowest(900ms), slowest(120ms), slowest(110ms)})) << "one that was disturbed";
  const auto broken = broken_turns({slowest(120ms), slowest(400ms), slowest(500ms)});
  ASSERT_TRUE(broken);
  EXPECT_DOUBLE_EQ(broken->median, 4);
  EXPECT_DOUBLE_EQ(broken->least, 1.2);
  EXPECT_DOUBLE_EQ(broken->most, 5);
  EXPECT_EQ(broken->samples, 3u);
}

TEST(ExecTurns, EachLimitHasItsOwnSamples) {
  const auto broken = broken_turns({slowest(120ms), slowest(300ms, 2), slowest(130ms)});
  ASSERT_TRUE(broken);
  EXPECT_DOUBLE_EQ(broken->limit, 2);
  EXPECT_EQ(broken->samples, 1u);
}

}  // namespace
}  // namespace snaphammer::oracles
