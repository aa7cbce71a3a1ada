// Guests that are stopped at an exact instruction, snapshotted and restored there.
#include <gmock/gmock.h>

#include "harness/e2e/real_campaign.h"

namespace snaphammer::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using Freeze = RealCampaign;

constexpr const char* kBusy = "steps:\n  - boot: {}\n  - start: {workload: cpp-heap, as: heap}\n";

// Where vCPU number `freeze.vcpu`, the one that came there, stands.
std::string place_of(const nlohmann::json& freeze) {
  return freeze.at("vcpus").at(freeze.at("vcpu").get<std::size_t>()).at("place");
}

TEST_F(Freeze, AGuestSurvivesASnapshotAtEachKindOfPoint) {
  EXPECT_EQ(run({SCENARIOS "/freeze/points.yaml"}), 0) << out();
  const nlohmann::json freezes = only_run().at("freezes");
  ASSERT_EQ(freezes.size(), 4u);
  EXPECT_EQ(freezes.at(0).at("at"), "__alloc_pages");
  EXPECT_EQ(freezes.at(0).at("hits"), 3);
  EXPECT_THAT(place_of(freezes.at(0)), StartsWith("__alloc_pages+"));
  EXPECT_EQ(freezes.at(1).at("at"), "phase restore.health");
  EXPECT_EQ(freezes.at(2).at("in"), "heap");
  EXPECT_THAT(place_of(freezes.at(2)), HasSubstr("malloc"));
  EXPECT_EQ(freezes.at(3).at("at"), "random");
  EXPECT_EQ(freezes.at(3).at("vcpus").size(), 2u);
}

TEST_F(Freeze, AMatrixGoesThroughInstructionsOneByOne) {
  EXPECT_EQ(run({write_scenario("sweep", "matrix: {freeze.at.then_steps: 0..2}\n" + std::string(kBusy) +
                                             "  - freeze: {at: {symbol: __alloc_pages}}\n  - snapshot: {id: s1}\n"
                                             "  - restore: {from: s1}\n  - await_healthy: {within: 60s}\n")}),
            0)
      << out();
  std::vector<std::string> places;
  const nlohmann::json runs = results().at("runs");
  for (const auto& one : runs) places.push_back(place_of(one.at("freezes").at(0)));
  // endbr64 or its no-operation, 4 or 5 bytes, and a push.
  EXPECT_THAT(places,
              testing::ElementsAre("__alloc_pages", StartsWith("__alloc_pages+"), StartsWith("__alloc_pages+")));
  EXPECT_NE(places.at(1), places.at(2));
}

TEST_F(Freeze, APointThatIsNeverReachedSaysNothingAboutTheGuest) {
  EXPECT_EQ(run({write_scenario("never", std::string(kBusy) + "  - freeze: {at: {symbol: panic}, timeout: 2s}\n")}), 3);
  const nlohmann::json run = only_run();
  EXPECT_EQ(run.at("verdict"), "inconclusive");
  EXPECT_THAT(run.at("message").get<std::string>(),
              HasSubstr("the guest did not come to panic of kernel for the 1. time within 2s"));
}

TEST_F(Freeze, AnUnknownSymbolIsToldWithItsPlaceAndTheNearestName) {
  const std::string unknown = "  - freeze: {at: {symbol: maloc, in: heap}}\n  - freeze: {at: {symbol: __aloc_pages}}\n";
  EXPECT_EQ(run({write_scenario("unknown", kBusy + unknown)}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("unknown.yaml:8:27: workload cpp-heap: there is no function 'maloc'; did you mean "
                                     "'malloc'?"),
                           HasSubstr("unknown.yaml:9:27: the guest's kernel: there is no function '__aloc_pages'; did "
                                     "you mean '__alloc_pages'?")));
}

// The sequence of the next step is stopped, and that step ends with the guest standing there.
TEST_F(Freeze, BeforeAStepItStopsThatStepsSequence) {
  const std::string armed =
      "  - freeze: {at: {phase: pause.freeze}}\n  - snapshot: {id: s1}\n  - check: heap\n"
      "  - freeze: {at: {phase: restore.ready}}\n  - restore: {from: s1}\n  - snapshot: {id: s2, type: diff}\n"
      "  - restore: {from: s2}\n  - await_healthy: {within: 60s}\n  - check: all\n";
  EXPECT_EQ(run({write_scenario("armed", kBusy + armed)}), 0) << out();
  const nlohmann::json freezes = only_run().at("freezes");
  ASSERT_EQ(freezes.size(), 2u);
  EXPECT_EQ(freezes.at(0).at("at"), "phase pause.freeze");
  EXPECT_EQ(freezes.at(1).at("at"), "phase restore.ready");
  EXPECT_EQ(freezes.at(1).at("vcpus").size(), 2u);
}

TEST_F(Freeze, AGuestThatStandsStillGoesOnToTheNextPoint) {
  EXPECT_EQ(run({write_scenario("twice", std::string(kBusy) +
                                             "  - freeze: {at: {symbol: malloc, in: heap}}\n"
                                             "  - freeze: {at: {symbol: __alloc_pages}}\n  - snapshot\n"
                                             "  - exec: {command: [\"true\"], on_error: continue}\n  - resume\n"
                                             "  - check: all\n")}),
            0)
      << out();
  const nlohmann::json freezes = only_run().at("freezes");
  ASSERT_EQ(freezes.size(), 2u);
  EXPECT_THAT(place_of(freezes.at(0)), HasSubstr("malloc"));
  EXPECT_THAT(place_of(freezes.at(1)), StartsWith("__alloc_pages"));
}

// The sequence goes on from where vCPUs were stopped, up to where it needs them.
TEST_F(Freeze, APhaseThatTheRestoreIsPastIsSaidToBe) {
  EXPECT_EQ(run({write_scenario("past", std::string(kBusy) + "  - snapshot: {id: s1}\n  - restore: {from: s1}\n"
                                                             "  - freeze: {at: {phase: restore.init}}\n"
                                                             "  - freeze: {at: {phase: restore.first-exec}}\n"
                                                             "  - freeze: {at: {phase: restore.health}}\n")}),
            3);
  EXPECT_EQ(only_run().at("freezes").size(), 2u);
  EXPECT_THAT(only_run().at("message").get<std::string>(),
              HasSubstr("freeze: the restore had come past restore.health when this step began"));
}

// Each waits for its own.
TEST_F(Freeze, ARestoreBesideItDoesNotWaitForAStopInAPause) {
  EXPECT_EQ(run({write_scenario("beside",
                                "steps:\n  - boot: {}\n  - snapshot: {id: s1}\n  - parallel:\n"
                                "    - [{freeze: {at: {phase: pause.freeze}, timeout: 3s}}]\n"
                                "    - [{restore: {from: s1}}, {await_healthy: {within: 20s}}]\n")}),
            3);
  EXPECT_THAT(only_run().at("message").get<std::string>(), HasSubstr("did not come to phase pause.freeze within 3s"));
}

TEST_F(Freeze, ASequenceThatNeverComesThereSaysNothingAboutTheGuest) {
  const std::string never =
      "runtime: {pause: {balloon: off}}\n" + std::string(kBusy) +
      "  - freeze: {at: {phase: \"pause.inflate-balloon:after\"}}\n  - snapshot: {id: s1}\n  - check: all\n";
  EXPECT_EQ(run({write_scenario("gone-by", never)}), 3);
  EXPECT_EQ(only_run().at("message"), "freeze: vCPUs were never stopped at pause.inflate-balloon:after");
}

}  // namespace
}  // namespace snaphammer::e2e
