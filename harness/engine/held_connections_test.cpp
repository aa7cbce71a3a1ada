#include "harness/engine/held_connections.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"
#include "lib/proxy/testing/fake_guest.h"

namespace snaphammer::engine {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests
using proxy::FakeGuest;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class HeldConnectionsTest : public testing::Test {
 protected:
  HeldConnectionsTest() {
    guest = std::make_unique<FakeGuest>(context.get_executor(), door(), FakeGuest::Manner::kTake);
  }
  ~HeldConnectionsTest() override {
    wait(connections.end());
    wait(guest->end());
  }

  /// The guest's end of a new connection.
  proxy::Peer open(HoldOptions options) {
    auto opened = run_async(context, connections.open(std::move(options), VsockTarget{door(), 5000}));
    EXPECT_TRUE(opened) << opened.error().describe();
    until([&] { return !guest->taken().empty(); });
    proxy::Peer peer = std::move(guest->taken().front().peer);
    guest->taken().pop_front();
    return peer;
  }
  std::vector<report::Finding> look() { return run_awaitable(context, connections.look()); }
  template <class Condition>
  void until(Condition condition) {
    ASSERT_TRUE(run_until(context, condition)) << "what the test waits for did not come about";
  }
  void wait(Awaitable<void> what) { run_awaitable(context, std::move(what)); }
  std::filesystem::path door() const { return directory / "v.sock"; }

  TemporaryDirectory directory;
  asio::io_context context;
  std::unique_ptr<FakeGuest> guest;
  HeldConnections connections{context.get_executor()};
};

TEST_F(HeldConnectionsTest, one_that_lives_as_it_must_is_no_finding) {
  const auto peer = open({.as = "c1"});
  connections.cut("snapshot s1");
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(HeldConnectionsTest, one_that_must_live_and_ends_is_lost_and_reported_once) {
  auto peer = open({.as = "c1"});
  peer.close();
  until([&] { return connections.open_count("c1") == 0; });
  const auto found = look();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].id, "connection-lost");
  EXPECT_EQ(found[0].message, "1 of the connections c1 ended although they must live");
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(HeldConnectionsTest, several_of_one_name_are_one_finding) {
  auto one = open({.as = "c1"});
  auto two = open({.as = "c1"});
  one.close();
  two.close();
  until([&] { return connections.open_count("c1") == 0; });
  connections.cut("restore s1");
  const auto found = look();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].message, HasSubstr("2 of the connections c1 ended although they must live after restore s1"));
}

TEST_F(HeldConnectionsTest, one_that_must_die_may_be_open_until_a_snapshot_and_not_after_it) {
  const auto peer = open({.as = "c1", .must = Must::kDie});
  EXPECT_THAT(look(), IsEmpty());
  connections.cut("snapshot s1");
  const auto found = look();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].id, "hang");
}

TEST_F(HeldConnectionsTest, one_that_must_die_has_a_moment_left_to_do_so) {
  auto peer = open({.as = "c1", .must = Must::kDie});
  connections.cut("snapshot s1");
  asio::post(context, [&peer] { peer.close(); });
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(HeldConnectionsTest, one_that_the_guest_has_not_answered_does_not_count) {
  auto peer = open({.as = "flood", .greeting = "hello\n"});
  until([&] { return peer.text() == "hello\n"; });
  peer.close();
  until([&] { return connections.open_count("flood") == 0; });
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(HeldConnectionsTest, one_that_the_guest_has_answered_is_held_for_its_time) {
  auto kept = open({.as = "flood", .greeting = "hello\n", .hold = 20ms});
  kept.write("hello");
  until([&] { return kept.at_end(); });
  EXPECT_THAT(look(), IsEmpty());
  auto cut_off = open({.as = "flood", .greeting = "hello\n", .hold = 1h});
  cut_off.write("hello");
  cut_off.close();
  until([&] { return connections.open_count("flood") == 0; });
  EXPECT_THAT(look(), SizeIs(1));
}

TEST_F(HeldConnectionsTest, what_is_released_is_no_finding) {
  auto peer = open({.as = "flood"});
  connections.release("flood");
  until([&] { return peer.at_end(); });
  EXPECT_THAT(look(), IsEmpty());
}

}  // namespace
}  // namespace snaphammer::engine
