#include "guest-workloads/agent/identity.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::guest {
namespace {

// Notes what it is asked to do, and can be made to fail.
class NotingSystem : public GuestSystem {
 public:
  Result<Duration> set_wall_clock(Duration since_1970) override {
    if (fails) return Error(ErrorKind::kUnfit, "set the wall clock: Operation not permitted");
    clocks.push_back(since_1970);
    return Duration(42);
  }
  Result<void> add_entropy(std::string_view bytes) override {
    entropy += bytes;
    return {};
  }
  Result<void> drop_page_cache() override { return {}; }
  std::vector<Duration> clocks;
  std::string entropy;
  bool fails = false;
};

class Init : public testing::Test {
 protected:
  Init() { service.emplace(system, directory / "state"); }

  agent::InitRequest request(const std::string& generation) {
    return {.generation = generation,
            .wall_clock = std::chrono::seconds(1'700'000'000),
            .identity = {.name = "guest-" + generation, .environment = {{"KEY", "value"}}, .token = "t"},
            .entropy = "0123456789abcdef0123456789abcdef"};
  }
  nlohmann::json stored() const {
    std::ifstream file(directory / "state" / "identity.json");
    return nlohmann::json::parse(file);
  }

  TemporaryDirectory directory;
  NotingSystem system;
  std::optional<IdentityService> service;
};

TEST_F(Init, SetsClockEntropyAndIdentity) {
  const auto report = service->apply(request("g1")).value();
  EXPECT_EQ(report.generation, "g1");
  EXPECT_EQ(report.clock_step, Duration(42));
  EXPECT_EQ(report.entropy_bytes, 32U);
  EXPECT_EQ(system.clocks, std::vector<Duration>{std::chrono::seconds(1'700'000'000)});
  EXPECT_EQ(stored()["name"], "guest-g1");
  EXPECT_EQ(stored()["generation"], "g1");
  EXPECT_EQ(service->environment().at("KEY"), "value");
}

TEST_F(Init, TheSameGenerationAgainChangesNothingAndGetsTheSameAnswer) {
  const auto first = service->apply(request("g1")).value();
  const auto again = service->apply(request("g1")).value();
  EXPECT_EQ(again.to_json(), first.to_json());
  EXPECT_EQ(system.clocks.size(), 1U);
  EXPECT_EQ(system.entropy.size(), 32U);
}

TEST_F(Init, ANewGenerationIsAppliedAgain) {
  service->apply(request("g1")).value();
  service->apply(request("g2")).value();
  EXPECT_EQ(system.entropy.size(), 64U);
  EXPECT_EQ(stored()["name"], "guest-g2");
  EXPECT_EQ(service->generation(), "g2");
}

TEST_F(Init, StoresTheIdentityAlsoWhenSomebodyRemovedItsDirectory) {
  service->apply(request("g1")).value();
  std::filesystem::remove_all(directory / "state");
  service->apply(request("g2")).value();
  EXPECT_EQ(stored()["name"], "guest-g2");
}

TEST_F(Init, AFailureIsNotRememberedAsDone) {
  system.fails = true;
  EXPECT_FALSE(service->apply(request("g1")));
  EXPECT_EQ(service->generation(), "");
  system.fails = false;
  EXPECT_TRUE(service->apply(request("g1")));
  EXPECT_EQ(system.clocks.size(), 1U);
}

TEST_F(Init, TheClockIsSetAgainWithinAGenerationAndThatIsReadable) {
  const agent::ClockRequest later{.wall_clock = std::chrono::seconds(1'700'000'100)};
  EXPECT_EQ(service->set_clock(later).error().kind(), ErrorKind::kUnavailable) << "init is still to come";
  EXPECT_TRUE(system.clocks.empty());
  service->apply(request("g1")).value();
  EXPECT_FALSE(stored().contains("clock_setting"));
  EXPECT_TRUE(service->set_clock(later));
  EXPECT_EQ(system.clocks.back(), later.wall_clock);
  EXPECT_EQ(stored()["clock_setting"], "1");
  EXPECT_EQ(stored()["generation"], "g1");
  EXPECT_EQ(stored()["name"], "guest-g1");
  EXPECT_TRUE(service->set_clock(later));
  EXPECT_EQ(stored()["clock_setting"], "2") << "whoever watches sees each";
  system.fails = true;
  EXPECT_FALSE(service->set_clock(later));
  EXPECT_EQ(stored()["clock_setting"], "2") << "nothing is said of what was not done";
}

TEST_F(Init, WithoutATimeTheClockIsLeftAlone) {
  auto timeless = request("g1");
  timeless.wall_clock = {};
  EXPECT_EQ(service->apply(timeless).value().clock_step, Duration::zero());
  EXPECT_TRUE(system.clocks.empty());
}

}  // namespace
}  // namespace snaphammer::guest
