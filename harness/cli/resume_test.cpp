// Campaigns killed with SIGKILL at random moments and resumed until they are through: what was reported is never run
// again, nothing is missing at the end, and the results are those of a campaign that nobody disturbed.

#include <random>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "harness/cli/testing/program_fixture.h"
#include "harness/engine/journal.h"

namespace snaphammer::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace std::chrono_literals;

constexpr int kKills = 50;

class ResumeTest : public ProgramFixture {
 protected:
  ResumeTest() {
    fs::create_directory(directory_ / "scenarios");
    script("passes", {"note", "pass"}, "repeat: 8\n");
    script("fails", {"note", "fail"}, "repeat: 6\nexpect:\n  - verdict: fail\n");
    script("surprises", {"note", "fail"}, "repeat: 4\n");
    script("skips", {"note", "skip"}, "repeat: 3\n");
    script("unfit", {"note", "unfit"}, "repeat: 3\n");
    environment_["SCRIPTED_NOTES"] = directory_ / "notes";
  }

  void script(const std::string& name, const std::vector<std::string>& acts, const std::string& more) {
    write("scenarios/" + name + ".yaml", engine::scripted_scenario(name, acts, more));
  }
  fs::path campaign(const std::string& name) const { return directory_ / name; }

  std::vector<std::string> begin(const std::string& name, unsigned jobs) const {
    return {"run", directory_ / "scenarios", "--out", campaign(name), "--seed", "7", "-j", std::to_string(jobs)};
  }
  // Continues it, or begins it when it was killed before it had a journal.
  std::vector<std::string> go_on(const std::string& name, unsigned jobs) const {
    if (!engine::has_journal(campaign(name))) return begin(name, jobs);
    return {"run", "--resume", campaign(name), "-j", std::to_string(jobs)};
  }

  // What a campaign found, without what time and place make of it.
  json content(const std::string& name) const {
    json results = json::parse(content_of(campaign(name) / "results.json"));
    for (json& run : results.at("runs")) {
      run.erase("seconds");
      run.erase("cpu_ms");
      run.erase("reproduce");
    }
    return {{"summary", results.at("summary")}, {"runs", results.at("runs")}};
  }
  std::set<std::string> finished(const std::string& name) const {
    std::set<std::string> ids;
    if (!engine::has_journal(campaign(name))) return ids;
    const engine::JournalContent content = engine::read_journal(campaign(name)).value();
    for (const auto& [place, run] : content.finished) ids.insert(run.id);
    return ids;
  }
  // The runs that the lines of the last command call done: "[ 3/24] pass  as expected  ID  0.1 s".
  std::multiset<std::string> reported() {
    std::multiset<std::string> ids;
    std::istringstream lines(out());
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("[")) continue;
      std::istringstream words(line);
      for (std::string word; words >> word;) {
        if (word.find(".s") != std::string::npos) ids.insert(word);
      }
    }
    return ids;
  }
  // The runs that the last command began.
  std::multiset<std::string> begun() {
    std::multiset<std::string> ids;
    std::ifstream notes(directory_ / "notes");
    for (std::string line; std::getline(notes, line);) ids.insert(line);
    return ids;
  }
};

TEST_F(ResumeTest, ResultsAreTheSameWhicheverJobs) {
  EXPECT_EQ(snaphammer(begin("one", 1)), 1) << err();
  EXPECT_EQ(snaphammer(begin("four", 4)), 1) << err();
  EXPECT_EQ(content("one").at("runs").size(), 24u);
  EXPECT_EQ(content("one"), content("four"));
}

TEST_F(ResumeTest, KilledAtRandomMomentsNothingIsLostAndNothingRunsTwice) {
  EXPECT_EQ(snaphammer(begin("undisturbed", 2)), 1) << err();
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed of the moments: " + std::to_string(seed));
  std::mt19937 random(seed);
  int kills = 0;
  for (int number = 0; kills < kKills; ++number) {
    const std::string name = "campaign-" + std::to_string(number);
    for (bool is_through = false; !is_through;) {
      const std::set<std::string> before = finished(name);
      fs::remove(directory_ / "notes");
      ChildProcess program = start(go_on(name, std::uniform_int_distribution<unsigned>(1, 4)(random)));
      const auto moment = std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 400)(random));
      const Result<ExitStatus> end = run_async(with_deadline(moment, "campaign", program.wait()));
      is_through = end.has_value();
      if (!is_through) {
        program.kill();
        ++kills;
      } else {
        EXPECT_EQ(end->code, 1) << err();
      }
      const std::set<std::string> after = finished(name);
      for (const std::string& run : before) {
        EXPECT_EQ(begun().count(run), 0u) << run << " was run although it had finished";
        EXPECT_TRUE(after.contains(run)) << run << " was lost";
      }
      for (const std::string& run : begun()) EXPECT_EQ(begun().count(run), 1u) << run;
      for (const std::string& run : reported()) {
        EXPECT_TRUE(after.contains(run)) << run << " was reported but not kept";
        EXPECT_FALSE(before.contains(run)) << run << " was reported twice";
      }
    }
    EXPECT_EQ(content(name), content("undisturbed"));
  }
  EXPECT_EQ(snaphammer({"clean"}), 0) << err();
  expect_nothing_left();
}

}  // namespace
}  // namespace snaphammer::cli
