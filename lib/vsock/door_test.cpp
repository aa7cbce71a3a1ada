// The door's line, and clients that do not say it.
#include "lib/vsock/door.h"

#include <gtest/gtest.h>

#include "lib/vsock/testing/host_fixture.h"

namespace snaphammer::vsock {
namespace {

using namespace std::chrono_literals;

TEST(ConnectLine, IsAWordAndAPort) {
  EXPECT_EQ(parse_connect_line("CONNECT 52"), 52U);
  EXPECT_EQ(parse_connect_line("connect 0"), 0U);
  EXPECT_EQ(parse_connect_line("Connect \t 4294967295 \r"), 4294967295U);
}

TEST(ConnectLine, IsNothingElse) {
  for (const char* line : {"", " ", "CONNECT", "CONNECT ", "52", "CONNECT52", "CONNECT 4294967296", "CONNECT -1",
                           "CONNECT +1", "CONNECT 1x", "CONNECT 0x10", "CONNECT 1 2", "CONNECTED 1", "GET / HTTP/1.1",
                           "CONNECT 99999999999999999999999999"}) {
    EXPECT_FALSE(parse_connect_line(line)) << line;
  }
}

class DoorTest : public HostFixture {
 protected:
  void expect_closed_without_answer(Client& client) {
    run_until([&] { return client.read_text(), client.at_end; });
    EXPECT_EQ(client.text, "");
  }
};

TEST_F(DoorTest, GarbageIsClosedAndCounted) {
  start();
  for (const std::string line : {"CONNECT fifty-two\n", "\n", "GET / HTTP/1.1\r\n", "CONNECT 1"}) {
    Client client = connect_door();
    client.write(line);
    client.finish_sending();
    expect_closed_without_answer(client);
  }
  EXPECT_EQ(host_->counters().bad_lines, 4U);
  expect_nothing_for_guest();
}

TEST_F(DoorTest, ALineWithoutEndIsClosedAtItsLimit) {
  start();
  Client client = connect_door();
  client.write(std::string(10'000, ' '));
  expect_closed_without_answer(client);
  EXPECT_EQ(host_->counters().bad_lines, 1U);
}

TEST_F(DoorTest, ASilentClientIsClosedInTime) {
  HostOptions impatient = options();
  impatient.line_timeout = 10ms;
  start(std::move(impatient));
  Client silent = connect_door();
  Client halting = connect_door();
  halting.write("CONN");
  expect_closed_without_answer(silent);
  expect_closed_without_answer(halting);
  EXPECT_EQ(host_->counters().late_lines, 2U);
}

TEST_F(DoorTest, ALineMayComeInPieces) {
  start();
  Client client = connect_door();
  for (const char piece : std::string("CONNECT 52\n")) {
    expect_nothing_for_guest();
    client.write(std::string_view(&piece, 1));
  }
  EXPECT_EQ(guest_gets().header.dst_port, 52U);
}

TEST_F(DoorTest, MoreSilentClientsThanAllowedDelayTheNextOnesOnly) {
  HostOptions narrow = options();
  narrow.max_pending = 2;
  narrow.line_timeout = 100ms;
  start(std::move(narrow));
  Client silent[] = {connect_door(), connect_door()};
  settle();
  Client client = connect_door();
  client.write("CONNECT 52\n");
  expect_nothing_for_guest();
  EXPECT_EQ(guest_gets_op(), Op::kRequest);  // When the silent ones have been closed.
  for (Client& closed : silent) expect_closed_without_answer(closed);
}

TEST_F(DoorTest, MoreConnectionsThanAllowedAreClosedAtTheDoor) {
  HostOptions narrow = options();
  narrow.max_connections = 2;
  start(std::move(narrow));
  auto first = open_to_guest(52, 1000);
  auto second = open_to_guest(52, 1000);
  Client third = connect_door();
  third.write("CONNECT 52\n");
  expect_closed_without_answer(third);
  EXPECT_EQ(host_->counters().over_limit, 1U);
  expect_nothing_for_guest();
}

}  // namespace
}  // namespace snaphammer::vsock
