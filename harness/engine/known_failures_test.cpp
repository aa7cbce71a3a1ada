#include "harness/engine/known_failures.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/engine/testing/scripted_run.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::engine {
namespace {

using report::Verdict;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kTwo =
    "version: 1\n"
    "known:\n"
    "  - runs: stale-*\n"
    "    finding: stale-page\n"
    "    reason: it forgets\n"
    "    link: https://example.org/12\n"
    "  - {runs: stale-pages, finding: hang, reason: it is slow}\n";

class KnownFailuresTest : public testing::Test {
 protected:
  LoadedKnownFailures load(const std::string& text) {
    std::ofstream(directory_ / "known.yaml") << text;
    return load_known_failures(directory_ / "known.yaml");
  }
  std::string errors(const std::string& text) { return scenario::format(load(text).diagnostics); }

  static scenario::RunPlan plan(const std::string& name) {
    const auto loaded = scenario::load_text(name + ".yaml", scripted_scenario(name, {"pass"}, "seed: 1\n"));
    return scenario::plan(*loaded.scenario, {}).runs.at(0);
  }
  static report::RunResult failed_with(const std::vector<std::string>& findings) {
    report::RunResult result;
    result.verdict = Verdict::kFail;
    for (const std::string& id : findings) result.findings.push_back({id, "oracle", "message", 1, {}});
    return result;
  }
  static report::RunResult passed() {
    report::RunResult result;
    result.verdict = Verdict::kPass;
    result.expected = true;
    return result;
  }

  TemporaryDirectory directory_;
};

TEST_F(KnownFailuresTest, AFailureIsKnownWhenEachOfItsFindingsIs) {
  const LoadedKnownFailures known = load(kTwo);
  ASSERT_THAT(known.diagnostics, IsEmpty());
  const auto explain = [&](const std::string& name, const std::vector<std::string>& findings) {
    return known.failures.explain(plan(name), failed_with(findings));
  };
  EXPECT_EQ(explain("stale-pages", {"stale-page"}), "it forgets (https://example.org/12)");
  EXPECT_EQ(explain("stale-pages", {"stale-page", "hang"}), "it forgets (https://example.org/12); it is slow");
  EXPECT_EQ(explain("stale-bytes", {"stale-page", "hang"}), "");
  EXPECT_EQ(explain("other", {"stale-page"}), "");
  EXPECT_EQ(known.failures.explain(plan("stale-pages"), passed()), "");
}

TEST_F(KnownFailuresTest, ACrashIsNotAKnownFailure) {
  report::RunResult crashed = failed_with({"stale-page"});
  crashed.verdict = Verdict::kError;
  EXPECT_EQ(load(kTwo).failures.explain(plan("stale-pages"), crashed), "");
}

TEST_F(KnownFailuresTest, AnEntryWhoseRunsPassIsOutdated) {
  const LoadedKnownFailures known = load(kTwo);
  const std::vector<scenario::RunPlan> plans{plan("stale-pages"), plan("stale-bytes")};
  const report::RunResult good = passed();
  const report::RunResult stale = failed_with({"stale-page"});
  EXPECT_THAT(known.failures.outdated(plans, {&good, &stale}),
              ElementsAre(AllOf(HasSubstr("known.yaml:7:5"), HasSubstr("'hang' was not seen"))));
  EXPECT_THAT(known.failures.outdated(plans, {&stale, nullptr}), IsEmpty());
  EXPECT_THAT(known.failures.outdated(plans, {nullptr, nullptr}), IsEmpty());
}

TEST_F(KnownFailuresTest, ARunThatPassedOnlyWhenTriedAgainProvesNothing) {
  report::RunResult flaky = passed();
  flaky.attempts.push_back({Verdict::kFail, "hang", "runs/x"});
  EXPECT_THAT(load(kTwo).failures.outdated({plan("stale-pages")}, {&flaky}), IsEmpty());
}

TEST_F(KnownFailuresTest, WhatIsWrongWithTheFileHasItsPlace) {
  EXPECT_THAT(errors("version: 1\nknown:\n  - {runs: a, finding: stale-pag, reason: r}\n"),
              AllOf(HasSubstr("known.yaml:3:24"), HasSubstr("did you mean 'stale-page'")));
  EXPECT_THAT(errors("version: 1\nknown:\n  - {runs: a, finding: hang}\n"),
              AllOf(HasSubstr(":3:"), HasSubstr("reason")));
  EXPECT_THAT(errors("version: 1\nknown:\n  - {runs: 'a,,b', finding: hang, reason: r}\n"),
              AllOf(HasSubstr(":3:12"), HasSubstr("a term is empty")));
  EXPECT_THAT(errors("version: 1\nknown:\n  - {runs: a, finding: hang, reason: ' '}\n"),
              HasSubstr("the reason is empty"));
  EXPECT_THAT(errors("version: 2\nknown: []\n"), HasSubstr(":1:10"));
  EXPECT_THAT(errors("version: 1\n"), HasSubstr("known"));
  EXPECT_THAT(scenario::format(load_known_failures("/no/such/file").diagnostics), HasSubstr("/no/such/file"));
}

}  // namespace
}  // namespace snaphammer::engine
