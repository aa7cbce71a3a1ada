#include "harness/engine/finding_log.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

class FindingLogTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove(file); }
  void TearDown() override { fs::remove(file); }

  report::Finding stale_page(int number, const std::string& oracle = "zp") {
    return {.id = "stale-page",
            .oracle = oracle,
            .message = "page " + std::to_string(number),
            .evidence = {{"page", number}}};
  }
  std::size_t lines() {
    std::ifstream in(file);
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(in), {}, '\n'));
  }

  const fs::path file = fs::path(testing::TempDir()) / "finding_log_test.jsonl";
  FindingLog log{file};
};

TEST_F(FindingLogTest, FoldsOneDefectAndKeepsEverySingleFinding) {
  for (int page = 0; page < 100; ++page) log.add(stale_page(page));
  ASSERT_EQ(log.findings().size(), 1u);
  const report::Finding& folded = log.findings()[0];
  EXPECT_EQ(folded.count, 100u);
  EXPECT_EQ(folded.message, "page 0");
  EXPECT_EQ(folded.evidence["examples"].size(), FindingLog::kExamples);
  EXPECT_EQ(folded.evidence["examples"][1]["page"], 1);
  EXPECT_EQ(lines(), 100u);
}

TEST_F(FindingLogTest, DifferentDefectsAndOraclesStayApart) {
  log.add(stale_page(1));
  log.add(stale_page(1, "other"));
  log.add({.id = "lost-write", .oracle = "zp", .message = "m", .evidence = {}});
  EXPECT_EQ(log.findings().size(), 3u);
}

TEST_F(FindingLogTest, WhatIsLearntLaterIsAddedToItsFindingAlone) {
  log.add(stale_page(1));
  log.add(stale_page(1, "other"));
  log.explain(log.findings()[0], "; 1.0 s later: gone", {{"where", "gone"}});
  EXPECT_EQ(log.findings()[0].message, "page 1; 1.0 s later: gone");
  EXPECT_EQ(log.findings()[0].evidence["where"], "gone");
  EXPECT_EQ(log.findings()[0].evidence["examples"].size(), 1u);
  EXPECT_EQ(log.findings()[1].message, "page 1");
  EXPECT_FALSE(log.findings()[1].evidence.contains("where"));
  EXPECT_EQ(lines(), 2u);
}

TEST_F(FindingLogTest, ACleanRunLeavesNoFile) {
  EXPECT_TRUE(log.empty());
  EXPECT_FALSE(fs::exists(file));
}

}  // namespace
}  // namespace snaphammer::engine
