#include "harness/engine/journal.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/engine/testing/scripted_run.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

std::vector<scenario::RunPlan> plans_of(const std::string& name, const std::string& more = "seed: 1\nrepeat: 3\n",
                                        const std::string& act = "pass") {
  const scenario::Loaded loaded = scenario::load_text(name + ".yaml", scripted_scenario(name, {act}, more));
  return scenario::plan(*loaded.scenario, {}).runs;
}

report::RunResult result_of(const scenario::RunPlan& plan) {
  report::RunResult result;
  result.id = plan.id;
  result.scenario = plan.scenario->name;
  result.seed = plan.seed;
  result.verdict = report::Verdict::kFail;
  result.findings.push_back({"stale-page", "pages", "bad \xff byte", 2, {{"address", 4096}}});
  result.restores.push_back(
      {.from = "s1", .to_healthy_ms = 12.5, .phases_ms = {{"spawn", 3.0}}, .uffd = {{"faults", 1}}});
  return result;
}

class JournalTest : public testing::Test {
 protected:
  Journal begin(const std::vector<scenario::RunPlan>& plans) {
    return Journal::create(directory_.path(), head_, plans).value();
  }
  Result<Journal> resume(const std::vector<scenario::RunPlan>& plans) {
    return Journal::resume(directory_.path(), head_.version, plans);
  }
  Error refusal(const std::vector<scenario::RunPlan>& plans) {
    const Result<Journal> journal = resume(plans);
    EXPECT_FALSE(journal) << "was not refused";
    return journal ? Error(ErrorKind::kInternal, "") : journal.error();
  }
  fs::path file() const { return directory_ / "journal.sqlite"; }

  TemporaryDirectory directory_;
  const JournalHead head_{
      "c-1", "1.2", {{"cpus", 2}}, "2026-01-31T23:59:59Z", {{"shard", "1/2"}}, {{"commit", "1a2b3c"}}};
};

TEST_F(JournalTest, KeepsTheCampaignAndItsResultsInFull) {
  const auto plans = plans_of("one");
  report::RunResult result = result_of(plans[1]);
  {
    Journal journal = begin(plans);
    ASSERT_TRUE(journal.record(1, result, 4.5));
  }
  const JournalContent content = read_journal(directory_.path()).value();
  EXPECT_EQ(content.head.campaign, "c-1");
  EXPECT_EQ(content.head.planning.at("shard"), "1/2");
  EXPECT_EQ(content.planned, 3u);
  EXPECT_EQ(content.seconds, 4.5);
  ASSERT_THAT(content.finished, SizeIs(1));
  result.findings[0].message = content.finished.at(1).findings.at(0).message;  // Its byte was not UTF-8.
  EXPECT_EQ(report::to_json(content.finished.at(1)), report::to_json(result));
  const report::CampaignResult results = content.results();
  EXPECT_EQ(results.tool.at("version"), "1.2");
  EXPECT_EQ(results.host.at("cpus"), 2);
  EXPECT_EQ(results.notes.at("commit"), "1a2b3c");
  EXPECT_EQ(results.started, "2026-01-31T23:59:59Z");
}

TEST_F(JournalTest, IsReadWhileItIsWritten) {
  const auto plans = plans_of("one");
  Journal journal = begin(plans);
  EXPECT_THAT(read_journal(directory_.path()).value().finished, SizeIs(0));
  ASSERT_TRUE(journal.record(0, result_of(plans[0]), 1));
  EXPECT_THAT(read_journal(directory_.path()).value().finished, SizeIs(1));
}

TEST_F(JournalTest, ACampaignThatHasEndedIsOneFile) {
  const auto plans = plans_of("one");
  {
    Journal journal = begin(plans);
    ASSERT_TRUE(journal.record(0, result_of(plans[0]), 1));
    EXPECT_TRUE(fs::exists(directory_ / "journal.sqlite-wal"));
  }
  for (const auto& entry : fs::directory_iterator(directory_.path())) EXPECT_EQ(entry.path(), file());
}

TEST_F(JournalTest, IsResumedWithWhatItHeld) {
  const auto plans = plans_of("one");
  {
    Journal journal = begin(plans);
    ASSERT_TRUE(journal.record(2, result_of(plans[2]), 1));
  }
  Journal journal = resume(plans_of("one")).value();
  EXPECT_TRUE(journal.content().finished.contains(2));
  EXPECT_TRUE(journal.record(0, result_of(plans[0]), 2));
  EXPECT_THAT(read_journal(directory_.path()).value().finished, SizeIs(2));
}

TEST_F(JournalTest, ARunIsKeptOnce) {
  const auto plans = plans_of("one");
  Journal journal = begin(plans);
  ASSERT_TRUE(journal.record(0, result_of(plans[0]), 1));
  EXPECT_FALSE(journal.record(0, result_of(plans[0]), 9));
  EXPECT_EQ(read_journal(directory_.path()).value().seconds, 1);
}

TEST_F(JournalTest, OnlyOneProcessWrites) {
  const Journal journal = begin(plans_of("one"));
  const Error error = refusal(plans_of("one"));
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(error.message(), AllOf(HasSubstr(directory_.path()), HasSubstr("is running")));
}

TEST_F(JournalTest, AChangedScenarioFileIsNamed) {
  begin(plans_of("one"));
  const Error error = refusal(plans_of("one", "seed: 1\nrepeat: 3\n# a word\n"));
  EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
  EXPECT_THAT(error.message(), AllOf(HasSubstr(file()), HasSubstr("one.yaml has changed")));
  EXPECT_THAT(error.advice(), HasSubstr("put the files back"));
}

TEST_F(JournalTest, AScenarioMoreOrLessIsNamed) {
  auto both = plans_of("one");
  for (const scenario::RunPlan& plan : plans_of("two")) both.push_back(plan);
  begin(plans_of("one"));
  EXPECT_THAT(refusal(both).message(), HasSubstr("two.yaml has come in"));
  EXPECT_THAT(refusal(plans_of("two")).message(), HasSubstr("'one' (one.yaml) is not there any more"));
}

TEST_F(JournalTest, OtherRunsOfTheSameFilesAreRefused) {
  auto plans = plans_of("one");
  begin(plans);
  std::swap(plans[0], plans[1]);
  EXPECT_THAT(refusal(plans).message(), HasSubstr("in another order"));
  plans[0].expectation.verdict = report::Verdict::kFail;
  EXPECT_THAT(refusal(plans).message(), HasSubstr("'one' gives other runs"));
}

TEST_F(JournalTest, AnotherVersionIsRefused) {
  begin(plans_of("one"));
  const Result<Journal> journal = Journal::resume(directory_.path(), "1.3", plans_of("one"));
  ASSERT_FALSE(journal);
  EXPECT_THAT(journal.error().message(), HasSubstr("begun by snaphammer 1.2, this is 1.3"));
}

TEST_F(JournalTest, WhereTheScenariosLieDoesNotMatter) {
  begin(plans_of("one"));
  auto moved = plans_of("one");
  for (scenario::RunPlan& plan : moved) {
    plan.source = std::make_shared<const scenario::Source>(scenario::Source{"/elsewhere/one.yaml", plan.source->text});
  }
  EXPECT_TRUE(resume(moved));
}

TEST_F(JournalTest, AMissingJournalSaysWhatToName) {
  const Error error = refusal(plans_of("one"));
  EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
  EXPECT_THAT(error.message(), HasSubstr("journal.sqlite: no such file"));
  EXPECT_THAT(error.advice(), HasSubstr("called results"));
}

TEST_F(JournalTest, AFileThatIsNoDatabaseIsCorrupt) {
  std::ofstream(file()) << std::string(8192, 'x');
  const Error error = read_journal(directory_.path()).error();
  EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(error.message(), AllOf(HasSubstr(file()), HasSubstr("not a journal, or damaged")));
  EXPECT_THAT(error.advice(), HasSubstr("results.json"));
}

TEST_F(JournalTest, ADatabaseOfSomethingElseIsForeign) {
  ASSERT_TRUE(Database::open(file(), Database::Access::kCreate)->execute("CREATE TABLE t (a)"));
  const Error error = refusal(plans_of("one"));
  EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
  EXPECT_THAT(error.message(), HasSubstr("a database of something else"));
}

TEST_F(JournalTest, AJournalOfAnotherFormatIsRefused) {
  begin(plans_of("one"));
  ASSERT_TRUE(Database::open(file(), Database::Access::kWrite)->execute("PRAGMA user_version = 7"));
  EXPECT_THAT(read_journal(directory_.path()).error().message(), HasSubstr("of format 7; this build knows 2"));
}

TEST_F(JournalTest, ADamagedPageIsFound) {
  begin(plans_of("one", "seed: 1\nrepeat: 200\n"));
  std::fstream stream(file(), std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(4096 + 100);
  stream << std::string(3000, '\x5a');
  stream.seekp(3 * 4096);
  stream << std::string(4096, '\x5a');
  stream.close();
  const Error error = read_journal(directory_.path()).error();
  EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << error.message();
  EXPECT_THAT(error.advice(), HasSubstr("begin a new campaign"));
}

TEST_F(JournalTest, AStoredResultThatCannotBeReadIsNamed) {
  const auto plans = plans_of("one");
  begin(plans);
  ASSERT_TRUE(Database::open(file(), Database::Access::kWrite)->execute("INSERT INTO result VALUES (1, '{}')"));
  const Error error = read_journal(directory_.path()).error();
  EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(error.message(), HasSubstr("result 1: run 'id' is missing"));
}

TEST_F(JournalTest, WhatDiedBeforeItWasMadeIsInNobodysWay) {
  std::ofstream(directory_ / "journal.sqlite.new") << "half of it";
  EXPECT_FALSE(has_journal(directory_.path()));
  begin(plans_of("one"));
  EXPECT_TRUE(read_journal(directory_.path()));
}

}  // namespace
}  // namespace snaphammer::engine
