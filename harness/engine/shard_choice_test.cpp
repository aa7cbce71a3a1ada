#include "harness/engine/shard_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snaphammer::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// "2/5", or the error.
std::string shard_of(std::string_view text, Environment::Variables variables) {
  const Result<Shard> shard = choose_shard(text, Environment(std::move(variables)));
  if (!shard) return shard.error().describe();
  return std::to_string(shard->index) + "/" + std::to_string(shard->count);
}

TEST(ShardChoice, WhatIsWrittenCountsWhateverTheEnvironment) {
  EXPECT_EQ(shard_of("2/5", {{"BUILDKITE_PARALLEL_JOB", "0"}, {"BUILDKITE_PARALLEL_JOB_COUNT", "9"}}), "2/5");
}

TEST(ShardChoice, SchedulersCountFromDifferentNumbers) {
  EXPECT_EQ(shard_of("auto", {{"BUILDKITE_PARALLEL_JOB", "0"}, {"BUILDKITE_PARALLEL_JOB_COUNT", "4"}}), "1/4");
  EXPECT_EQ(shard_of("auto", {{"CI_NODE_INDEX", "4"}, {"CI_NODE_TOTAL", "4"}}), "4/4");
  EXPECT_EQ(shard_of("auto", {{"STRATEGY_JOB_INDEX", "1"}, {"STRATEGY_JOB_TOTAL", "3"}}), "2/3");
  EXPECT_EQ(shard_of("auto/3", {{"JOB_COMPLETION_INDEX", "2"}}), "3/3");
}

TEST(ShardChoice, ASlurmArrayMayBeginAndStepAnyhow) {
  const Environment::Variables array{{"SLURM_ARRAY_TASK_COUNT", "3"},
                                     {"SLURM_ARRAY_TASK_MIN", "10"},
                                     {"SLURM_ARRAY_TASK_STEP", "5"},
                                     {"SLURM_ARRAY_TASK_ID", "20"}};
  EXPECT_EQ(shard_of("auto", array), "3/3");
  EXPECT_EQ(shard_of("auto", {{"SLURM_ARRAY_TASK_ID", "0"}, {"SLURM_ARRAY_TASK_COUNT", "2"}}), "1/2");
}

TEST(ShardChoice, KubernetesNeedsTheCount) {
  EXPECT_THAT(shard_of("auto", {{"JOB_COMPLETION_INDEX", "0"}}),
              AllOf(HasSubstr("Kubernetes does not say how many"), HasSubstr("--shard auto/4")));
}

TEST(ShardChoice, NonsenseIsRefused) {
  EXPECT_THAT(shard_of("auto", {}), AllOf(HasSubstr("no job of a parallel build"), HasSubstr("JOB_COMPLETION_INDEX")));
  EXPECT_THAT(shard_of("auto", {{"CI_NODE_INDEX", "x"}, {"CI_NODE_TOTAL", "4"}}), HasSubstr("CI_NODE_INDEX is 'x'"));
  EXPECT_THAT(shard_of("auto", {{"CI_NODE_INDEX", "0"}, {"CI_NODE_TOTAL", "4"}}), HasSubstr("before the first"));
  EXPECT_THAT(shard_of("auto", {{"CI_NODE_INDEX", "5"}, {"CI_NODE_TOTAL", "4"}}), HasSubstr("expected I/N"));
  EXPECT_THAT(shard_of("auto/", {{"CI_NODE_INDEX", "5"}}), HasSubstr("expected I/N"));
  EXPECT_THAT(shard_of("automatic", {}), HasSubstr("expected I/N"));
}

}  // namespace
}  // namespace snaphammer::engine
