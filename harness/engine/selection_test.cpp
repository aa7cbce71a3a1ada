#include "harness/engine/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snaphammer::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

scenario::RunPlan plan(const std::string& id, const std::string& name, std::vector<std::string> tags,
                       scenario::Point point) {
  auto content = std::make_shared<scenario::Scenario>();
  content->name = name;
  content->tags = std::move(tags);
  scenario::RunPlan plan;
  plan.id = id;
  plan.scenario = content;
  plan.point = std::move(point);
  return plan;
}

std::vector<scenario::RunPlan> plans() {
  return {plan("stale.zero.s1", "stale", {"uffd", "balloon"}, {{"runtime.uffd.on_remove", "zero"}}),
          plan("stale.ignore.s1", "stale", {"uffd", "balloon"}, {{"runtime.uffd.on_remove", "ignore"}}),
          plan("healthy.s1", "healthy", {"smoke"}, {{"vm.vcpus", 2}}),
          plan("healthy-stale.s2", "healthy-stale", {}, {})};
}

std::vector<std::string> chosen(const std::vector<std::string>& expressions, Shard shard = {}) {
  std::vector<Filter> filters;
  for (const std::string& expression : expressions) filters.push_back(Filter::parse(expression).value());
  std::vector<std::string> ids;
  for (const scenario::RunPlan& plan : select(plans(), filters, shard)) ids.push_back(plan.id);
  return ids;
}

TEST(Filter, TextIsLookedForInTheId) {
  EXPECT_THAT(chosen({"zero"}), ElementsAre("stale.zero.s1"));
  EXPECT_THAT(chosen({"no-such"}), IsEmpty());
}

TEST(Filter, APatternIsForAllOfTheName) {
  EXPECT_THAT(chosen({"stale*"}), ElementsAre("stale.zero.s1", "stale.ignore.s1"));
  EXPECT_THAT(chosen({"*stale"}), ElementsAre("stale.zero.s1", "stale.ignore.s1", "healthy-stale.s2"));
}

TEST(Filter, ATagIsOneOfTheScenarios) {
  EXPECT_THAT(chosen({"tag:smoke"}), ElementsAre("healthy.s1"));
  EXPECT_THAT(chosen({"tag:ball*"}), ElementsAre("stale.zero.s1", "stale.ignore.s1"));
  EXPECT_THAT(chosen({"tag:smok"}), IsEmpty());
}

TEST(Filter, ASettingIsNamedByTheEndOfItsPath) {
  EXPECT_THAT(chosen({"on_remove=ignore"}), ElementsAre("stale.ignore.s1"));
  EXPECT_THAT(chosen({"runtime.uffd.on_remove=zero"}), ElementsAre("stale.zero.s1"));
  EXPECT_THAT(chosen({"vcpus=2"}), ElementsAre("healthy.s1"));
  EXPECT_THAT(chosen({"remove=zero"}), IsEmpty());
}

TEST(Filter, CommasMeanAndFiltersMeanOr) {
  EXPECT_THAT(chosen({"tag:uffd,on_remove=ignore"}), ElementsAre("stale.ignore.s1"));
  EXPECT_THAT(chosen({"tag:smoke", "zero"}), ElementsAre("stale.zero.s1", "healthy.s1"));
  EXPECT_THAT(chosen({"!tag:uffd,!healthy.s1"}), ElementsAre("healthy-stale.s2"));
}

TEST(Filter, AnEmptyTermIsRefused) {
  for (const char* const wrong : {"", "a,", ",a", "!", "tag:", "=x", "key="}) {
    EXPECT_EQ(Filter::parse(wrong).error().kind(), ErrorKind::kInvalid) << wrong;
  }
}

TEST(Shard, ShardsAreDisjointAndTogetherComplete) {
  EXPECT_THAT(chosen({}, {1, 3}), ElementsAre("stale.zero.s1", "healthy-stale.s2"));
  EXPECT_THAT(chosen({}, {2, 3}), ElementsAre("stale.ignore.s1"));
  EXPECT_THAT(chosen({}, {3, 3}), ElementsAre("healthy.s1"));
  EXPECT_THAT(chosen({"healthy"}, {2, 2}), ElementsAre("healthy-stale.s2"));
}

TEST(Shard, IsWrittenAsIOfN) {
  EXPECT_EQ(Shard::parse("2/5").value().index, 2u);
  EXPECT_EQ(Shard::parse("2/5").value().count, 5u);
  for (const char* const wrong : {"", "1", "0/2", "3/2", "1/0", "1/2x", "-1/2", "a/b", "1/"}) {
    EXPECT_EQ(Shard::parse(wrong).error().kind(), ErrorKind::kInvalid) << wrong;
  }
}

}  // namespace
}  // namespace snaphammer::engine
