// A fake VMM hands its memory to a page server through a relay.
#include "lib/uffd/handoff_relay.h"

#include <atomic>
#include <future>

#include <gmock/gmock.h>

#include "lib/uffd/testing/server_fixture.h"

namespace snaphammer::uffd {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HandoffRelayTest : public ServerFixture {
 protected:
  std::filesystem::path door() const { return directory_ / "relay.sock"; }

  void start_relay(std::optional<BadHandoff> how = {}) {
    std::optional<SpoiledHandoff> spoil;
    if (how) spoil = SpoiledHandoff{*how, [this] { ++spoiled_; }};
    auto started = HandoffRelay::start(
        {.from = door(), .to = socket(), .spoil = spoil, .on_relayed = [this](const Result<std::string>& message) {
           relayed_.set_value(message);
         }});
    ASSERT_TRUE(started) << started.error().describe();
    relay_ = std::move(*started);
  }
  void connect_vmm() {
    vmm_ = std::make_unique<FakeVmm>(GetParam(), region_sizes());
    const Result<void> handed_off = vmm_->hand_off(door());
    ASSERT_TRUE(handed_off) << handed_off.error().describe();
  }
  Result<std::string> relayed() { return relayed_.get_future().get(); }
  void TearDown() override {
    relay_.reset();
    ServerFixture::TearDown();
  }

  std::unique_ptr<HandoffRelay> relay_;
  std::promise<Result<std::string>> relayed_;
  std::atomic<unsigned> spoiled_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Memory, HandoffRelayTest, testing::Values(MemoryKind{true, 4_KiB}), kind_name);

TEST_P(HandoffRelayTest, PassesMessageAndDescriptorOnAndRecordsThem) {
  start_server(on_demand());
  start_relay();
  connect_vmm();
  ASSERT_TRUE(await_event(Kind::kHandedOff));
  EXPECT_EQ(relayed().value(), format_regions(vmm_->regions()));
  EXPECT_EQ(page(2), pattern_page(2));
  EXPECT_FALSE(std::filesystem::exists(door()));
}

TEST_P(HandoffRelayTest, WaitsForAHandlerThatBeginsToListenLater) {
  start_relay();
  connect_vmm();
  auto vmm = std::move(vmm_);
  start_server(on_demand());
  ASSERT_TRUE(await_event(Kind::kHandedOff));
  vmm_ = std::move(vmm);
  EXPECT_EQ(page(2), pattern_page(2));
}

TEST_P(HandoffRelayTest, TellsHowManyFaultsWaitWhileTheHandlerStandsStill) {
  start_server(on_demand());
  start_relay();
  EXPECT_EQ(relay_->waiting_faults()->all, 0u) << "nothing was handed over yet";
  connect_vmm();
  ASSERT_TRUE(await_event(Kind::kHandedOff));
  ASSERT_TRUE(relayed());
  server_->suspend();
  const auto touched = vmm_->touch(nth(1));
  ASSERT_TRUE(vmm_->await_unread_event());
  EXPECT_EQ(relay_->waiting_faults()->all, 1u);
  server_->resume();
  EXPECT_EQ(touched.get(), pattern_page(1));
  EXPECT_EQ(relay_->waiting_faults()->all, 0u);
}

TEST_P(HandoffRelayTest, SpoiledHandOffsAreRefusedWithAClearError) {
  const std::vector<std::pair<BadHandoff, std::string>> cases = {
      {BadHandoff::kWrongSize, "regions cover"},
      {BadHandoff::kOverlap, "overlap"},
  };
  for (const auto& [how, complaint] : cases) {
    relay_.reset();
    relayed_ = {};
    start_server(on_demand());
    start_relay(how);
    EXPECT_EQ(spoiled_.exchange(0), 0u) << "nothing was handed off yet";
    connect_vmm();
    ASSERT_TRUE(await_event(Kind::kFailed));
    EXPECT_EQ(spoiled_.exchange(0), 1u);
    EXPECT_THAT(error_of(Kind::kFailed)->describe(), HasSubstr(complaint));
  }
}

TEST_P(HandoffRelayTest, HandOffThatNeverBecomesWholeEndsWithTheConnection) {
  for (const BadHandoff how : {BadHandoff::kNoDescriptor, BadHandoff::kTruncated}) {
    relay_.reset();
    relayed_ = {};
    start_server(on_demand());
    start_relay(how);
    connect_vmm();
    ASSERT_TRUE(relayed());
    EXPECT_FALSE(seen(Kind::kHandedOff));
    vmm_->close_connection();  // The relay closes the other side.
    ASSERT_TRUE(await_event(Kind::kFailed));
    EXPECT_THAT(error_of(Kind::kFailed)->describe(), HasSubstr("hand-off: "));
  }
}

TEST_P(HandoffRelayTest, EndsAtAnyTime) {
  start_relay();
  relay_.reset();
  EXPECT_FALSE(std::filesystem::exists(door()));
  start_relay();
  connect_vmm();  // And nobody listens behind it.
  relay_.reset();
}

}  // namespace
}  // namespace snaphammer::uffd
