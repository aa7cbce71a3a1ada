#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "guest-workloads/workloads/base/testing/program.h"
#include "guest-workloads/workloads/entropy/record.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::entropy {
namespace {

using testing::MatchesRegex;
using testing::SizeIs;

TEST(Record, AValueThatCameBeforeIsRepeatedWhicheverSourceItIsOf) {
  Record record(2);
  EXPECT_TRUE(record.add(Sources::kUuid, "a"));
  EXPECT_TRUE(record.add(Sources::kUuid, "b"));
  record.begin_life();
  EXPECT_FALSE(record.add(Sources::kGenerator, "a"));
  EXPECT_EQ(record.repeated(), 1);
}

TEST(Record, TellsTheFirstDrawsOfALife) {
  Record record(1);
  record.add(Sources::kUuid, "a");
  record.begin_life();
  EXPECT_FALSE(record.complete());
  for (std::size_t source = 0; source < Sources::kNames.size(); ++source) {
    record.add(source, "b" + std::to_string(source));
    record.add(source, "c" + std::to_string(source));
  }
  EXPECT_TRUE(record.complete());
  EXPECT_EQ(record.told().text(), R"({"getrandom":["b0"],"uuid":["b1"],"generator":["b2"]})");
}

TEST(Record, IsBounded) {
  Record record(1);
  record.add(Sources::kUuid, "first");
  for (std::size_t i = 0; i < Record::kRemembered; ++i) record.add(Sources::kUuid, std::to_string(i));
  EXPECT_FALSE(record.add(Sources::kUuid, "0"));
  EXPECT_TRUE(record.add(Sources::kUuid, "first"));
}

class Program : public workload::ProgramTest {
 protected:
  std::string identity() const { return directory / "identity.json"; }
  void become(const std::string& generation) {
    std::ofstream(identity() + ".new") << R"({"name":"a","generation":")" << generation << R"("})";
    ASSERT_EQ(::rename((identity() + ".new").c_str(), identity().c_str()), 0);
  }
  void start(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--identity", identity(), "--pause", "5ms", "--draws", "4"});
    ProgramTest::start(ENTROPY_PROGRAM, std::move(arguments));
    ready = next("ready");
  }
  std::string generator_state() { return peek(pid, ready["generator"], ready["generator_bytes"]); }
  void set_generator_state(const std::string& state) { overwrite(pid, ready["generator"], state); }

  TemporaryDirectory directory;
};

TEST_F(Program, ACleanRunPassesAndTellsWhatItDrew) {
  start();
  next("beat");
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_GT(verdict["draws"], 100);
  std::set<std::string> all;
  for (const char* source : Sources::kNames) {
    ASSERT_THAT(verdict["drawn"][source], SizeIs(4)) << source;
    for (const std::string value : verdict["drawn"][source]) all.insert(value);
  }
  EXPECT_THAT(all, SizeIs(12));
  for (const std::string uuid : verdict["drawn"]["uuid"]) {
    EXPECT_THAT(uuid, MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  }
  EXPECT_EQ(check()["drawn"], verdict["drawn"]) << "the first of its life";
  send("stop");
  EXPECT_EQ(wait_exit(), 0);
}

TEST_F(Program, AGeneratorThatIsPutBackRepeatsItselfIfItWasSeededOnce) {
  start({"--generator", "seeded-once"});
  quiesce();
  const std::string state = generator_state();
  resume();
  const auto drawn = check()["drawn"];
  quiesce();
  set_generator_state(state);
  resume();
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "not-unique");
  EXPECT_EQ(finding["evidence"]["source"], "generator");
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], false);
  EXPECT_EQ(verdict["drawn"]["generator"], drawn["generator"]);
  EXPECT_NE(verdict["drawn"]["getrandom"], drawn["getrandom"]);
}

TEST_F(Program, AGeneratorThatIsPutBackDoesNotRepeatItselfIfItIsReseeded) {
  start();
  quiesce();
  const std::string state = generator_state();
  resume();
  const auto drawn = check()["drawn"];
  quiesce();
  set_generator_state(state);
  resume();
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_NE(verdict["drawn"]["generator"], drawn["generator"]);
}

TEST_F(Program, ANewGenerationIsANewLife) {
  become("one");
  start();
  const auto first = check();
  EXPECT_EQ(first["lives"], 1);
  become("two");
  EXPECT_FALSE(next("beat", [](const auto& line) { return line["lives"] == 2; }).is_null());
  EXPECT_NE(check()["drawn"], first["drawn"]);
}

TEST_F(Program, QuiescedItDrawsNothing) {
  start();
  quiesce();
  EXPECT_TRUE(is_silent_for(1200));
  const auto draws = check()["draws"];
  EXPECT_EQ(check()["draws"], draws);
  resume();
  EXPECT_GT(check()["draws"], draws);
}

TEST_F(Program, TheEndOfItsInputEndsIt) {
  start();
  end_commands();
  EXPECT_EQ(wait_exit(), 0);
}

}  // namespace
}  // namespace snaphammer::entropy
