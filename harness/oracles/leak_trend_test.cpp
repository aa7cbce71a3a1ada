#include "harness/oracles/leak_trend.h"

#include <random>

#include <gtest/gtest.h>

namespace snaphammer::oracles {
namespace {

using Samples = std::vector<double>;

TEST(SteadyGrowth, IsFoundAtOnePerCycle) {
  const auto growth = steady_growth({20, 21, 22, 23, 24, 25, 26, 27, 28, 29}, 5);
  ASSERT_TRUE(growth);
  EXPECT_DOUBLE_EQ(growth->per_cycle, 1);
  EXPECT_DOUBLE_EQ(growth->total, 9);
}

TEST(SteadyGrowth, IsFoundAtOneInTwoCycles) { EXPECT_TRUE(steady_growth({5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10}, 5)); }

TEST(SteadyGrowth, IsFoundUnderNoiseThatIsSmallerThanIt) {
  EXPECT_TRUE(steady_growth({10, 13, 12, 16, 18, 17, 21, 24, 23, 27}, 5));
}

TEST(SteadyGrowth, IsFoundThatGetsFaster) { EXPECT_TRUE(steady_growth({1, 2, 4, 7, 11, 16, 22, 29}, 5)); }

TEST(SteadyGrowth, IsNotASeriesThatStays) { EXPECT_FALSE(steady_growth(Samples(50, 24), 1)); }

TEST(SteadyGrowth, IsNotOneThatShrinks) { EXPECT_FALSE(steady_growth({30, 28, 26, 24, 22, 20, 18, 16}, 1)); }

TEST(SteadyGrowth, IsNotNoise) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> value(20, 40);
  for (int series = 0; series < 1000; ++series) {
    Samples samples;
    for (int i = 0; i < 12; ++i) samples.push_back(value(random));
    EXPECT_FALSE(steady_growth(samples, 5)) << "series " << series;
  }
}

TEST(SteadyGrowth, IsNotOneStepWhereverItIs) {
  for (std::size_t step = 1; step < 12; ++step) {
    Samples samples(12, 20);
    for (std::size_t i = step; i < samples.size(); ++i) samples[i] = 100;
    EXPECT_FALSE(steady_growth(samples, 5)) << "at " << step;
  }
}

TEST(SteadyGrowth, IsNotAFewSteps) { EXPECT_FALSE(steady_growth({20, 20, 20, 20, 30, 30, 30, 30, 40, 40, 40, 40}, 5)); }

TEST(SteadyGrowth, IsNotWhatLevelsOff) {
  EXPECT_FALSE(steady_growth({0, 30, 50, 60, 70, 80, 80, 80}, 5));
  EXPECT_FALSE(steady_growth({0, 500, 750, 870, 930, 960, 980, 990, 995, 997, 998, 999}, 5));
}

TEST(SteadyGrowth, IsNotLessThanAskedFor) {
  EXPECT_FALSE(steady_growth({20, 21, 22, 23, 24, 25, 26, 27}, 8));
  EXPECT_TRUE(steady_growth({20, 21, 22, 23, 24, 25, 26, 27}, 7));
}

TEST(SteadyGrowth, IsNotToldFromFewSamples) {
  EXPECT_FALSE(steady_growth({}, 1));
  EXPECT_FALSE(steady_growth({1}, 1));
  EXPECT_FALSE(steady_growth({10, 20, 30, 40, 50, 60, 70}, 1));
  EXPECT_TRUE(steady_growth({10, 20, 30, 40, 50, 60, 70, 80}, 1));
}

}  // namespace
}  // namespace snaphammer::oracles
