#include "harness/engine/consequences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/engine/finding_log.h"
#include "harness/engine/hang_diagnosis.h"
#include "harness/engine/unserved_memory.h"

namespace snaphammer::engine {
namespace {

using report::Finding;
using testing::ElementsAre;

class Consequences : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(file_); }
  void TearDown() override { std::filesystem::remove(file_); }

  void found(std::string id, std::string oracle, std::string life, nlohmann::json evidence = {}) {
    evidence[kLife] = std::move(life);
    log_.add({.id = std::move(id), .oracle = std::move(oracle), .message = "m", .evidence = std::move(evidence)});
  }
  void hung_in(std::string life) { found("hang", kUnresolvedFaults, std::move(life)); }

  std::vector<std::string> told() const {
    std::vector<std::string> ids;
    for (const Finding& finding : with_consequences(log_.findings())) ids.push_back(finding.id);
    return ids;
  }

  const std::filesystem::path file_ = std::filesystem::path(testing::TempDir()) / "consequences_test.jsonl";
  FindingLog log_{file_};
};

TEST_F(Consequences, SilenceIsEvidenceOfTheHangThatExplainsIt) {
  found("exec-timeout", "runtime", "restore 1", {{"command", "ls"}});
  found("exec-timeout", "runtime", "restore 1");
  found("unhealthy", "runtime", "restore 1");
  hung_in("restore 1");
  const std::vector<Finding> told = with_consequences(log_.findings());
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].id, "hang");
  EXPECT_EQ(told[0].oracle, kUnresolvedFaults);
  const nlohmann::json expected = {{{"id", "exec-timeout"}, {"oracle", "runtime"}, {"message", "m"}, {"count", 2}},
                                   {{"id", "unhealthy"}, {"oracle", "runtime"}, {"message", "m"}, {"count", 1}}};
  EXPECT_EQ(told[0].evidence.at("consequences"), expected);
}

TEST_F(Consequences, SoAreStallsOfItsKernelAndNotItsOtherFaults) {
  found("kernel-fault", "kernel-log", "restore 1", {{"kind", "RCU stall"}});
  hung_in("restore 1");
  EXPECT_THAT(told(), ElementsAre("hang"));
  found("kernel-fault", "kernel-log", "restore 1", {{"kind", "kernel oops"}});
  EXPECT_THAT(told(), ElementsAre("kernel-fault", "hang"));
}

TEST_F(Consequences, SilenceWithoutACauseStays) {
  found("exec-timeout", "runtime", "restore 1");
  found("hang", "runtime", "restore 1");
  EXPECT_THAT(told(), ElementsAre("exec-timeout", "hang"));
}

TEST_F(Consequences, WhatWasFoundInAnotherLifeIsAnotherDefect) {
  found("exec-timeout", "runtime", "boot");
  hung_in("restore 1");
  EXPECT_THAT(told(), ElementsAre("exec-timeout", "hang"));
  hung_in("boot");
  EXPECT_THAT(told(), ElementsAre("hang"));
}

TEST_F(Consequences, AWrongAnswerIsNoSilence) {
  found("unhealthy", "runtime", "restore 1", {{kCommandEnded, "exited with status 1"}});
  hung_in("restore 1");
  EXPECT_THAT(told(), ElementsAre("unhealthy", "hang"));
}

TEST_F(Consequences, WhatOthersFindStays) {
  found("stale-page", "zp", "restore 1");
  found("unhealthy", "clone-1", "restore 1", {{kOfClone, "clone-1"}});
  found("exec-timeout", "runtime", "restore 1");
  hung_in("restore 1");
  found("lost-write", "heap", "restore 1");
  EXPECT_THAT(told(), ElementsAre("stale-page", "unhealthy", "hang", "lost-write"));
}

TEST_F(Consequences, OfMoreThanAreShownTheOthersMayBeOfAnotherLife) {
  for (std::size_t i = 0; i < FindingLog::kExamples; ++i) found("exec-timeout", "runtime", "restore 1");
  hung_in("restore 1");
  EXPECT_THAT(told(), ElementsAre("hang"));
  found("exec-timeout", "runtime", "restore 2");
  EXPECT_THAT(told(), ElementsAre("exec-timeout", "hang"));
}

TEST_F(Consequences, EvidenceOfAnyFormIsUnharmed) {
  log_.add({.id = "lost-write", .oracle = "w", .message = "m", .evidence = nlohmann::json::array({1, 2})});
  hung_in("boot");
  EXPECT_THAT(told(), ElementsAre("lost-write", "hang"));
}

TEST_F(Consequences, WhereItWasSeenToHangGoesWithIt) {
  found("exec-timeout", "runtime", "restore 1");
  log_.explain(log_.findings()[0], "; seen", {{kWhere, "vCPU 0 waits for a page"}, {kDiagnosis, kHangFile}});
  hung_in("restore 1");
  const std::vector<Finding> told = with_consequences(log_.findings());
  EXPECT_EQ(told[0].evidence.at(kWhere), "vCPU 0 waits for a page");
  EXPECT_EQ(told[0].evidence.at(kDiagnosis), kHangFile);
}

}  // namespace
}  // namespace snaphammer::engine
