#include "lib/agent/output_listener.h"

#include <filesystem>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::agent {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests
using testing::HasSubstr;
using Local = asio::local::stream_protocol;

class OutputListenerTest : public testing::Test {
 protected:
  OutputListenerTest() {
    listener = *OutputListener::listen(context.get_executor(), directory / "door",
                                       [this](const OutputLine& line) { lines.push_back(line); });
  }
  ~OutputListenerTest() override { listener.reset(); }

  /// Connects as the guest's agent does.
  Local::socket connect() {
    Local::socket socket(context);
    socket.connect(Local::endpoint((directory / "door_1025").string()));
    works_for_a_moment();
    return socket;
  }
  void say(Local::socket& socket, const std::string& text) {
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(text), ignored);
    works_for_a_moment();
  }
  /// Lets the listener take what has come. What it must not do shows as well as what it does.
  void works_for_a_moment() {
    context.restart();
    context.run_for(20ms);
  }
  Result<Ready> wait_ready(std::uint64_t after, Duration limit = 500ms) {
    return run_async(context, with_deadline(limit, "ready", listener->wait_ready(after)));
  }
  static std::optional<ErrorKind> error_of(const Result<Ready>& result) {
    return result ? std::nullopt : std::optional(result.error().kind());
  }
  std::string ready(std::uint64_t epoch, std::uint64_t next_seq) {
    return "{\"type\":\"ready\",\"epoch\":" + std::to_string(epoch) +
           ",\"boot_id\":\"b\",\"next_seq\":" + std::to_string(next_seq) + "}\n";
  }
  std::string beat(std::uint64_t seq) { return "{\"type\":\"beat\",\"seq\":" + std::to_string(seq) + "}\n"; }
  std::string violation() const { return listener->violation() ? listener->violation()->message() : "(none)"; }

  TemporaryDirectory directory;
  asio::io_context context;
  std::vector<OutputLine> lines;
  std::unique_ptr<OutputListener> listener;
};

TEST_F(OutputListenerTest, ReadyWakesWhoWaits) {
  auto guest = connect();
  asio::post(context, [&] { asio::write(guest, asio::buffer(ready(3, 1))); });
  EXPECT_EQ(wait_ready(2, 5s).value().epoch, 3U);
  EXPECT_TRUE(listener->connected());
}

TEST_F(OutputListenerTest, AnOlderEpochDoesNotCount) {
  auto guest = connect();
  say(guest, ready(3, 1));
  EXPECT_EQ(error_of(wait_ready(3)), ErrorKind::kTimeout);
}

TEST_F(OutputListenerTest, AReadyWhoseConnectionHasEndedDoesNotCount) {
  auto guest = connect();
  say(guest, ready(3, 1));
  guest.close();
  works_for_a_moment();
  EXPECT_EQ(error_of(wait_ready(2)), ErrorKind::kTimeout);
  EXPECT_FALSE(listener->connected());
}

TEST_F(OutputListenerTest, LostLinesAreCounted) {
  auto guest = connect();
  say(guest, ready(1, 5) + beat(5) + beat(6) + beat(9));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1].lost_before, 0U);
  EXPECT_EQ(lines[2].lost_before, 2U);
}

TEST_F(OutputListenerTest, LinesLostBetweenTwoConnectionsAreCounted) {
  auto first = connect();
  say(first, ready(1, 1) + beat(1));
  auto second = connect();
  say(second, ready(2, 4) + beat(4));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].lost_before, 2U);
}

TEST_F(OutputListenerTest, AnEarlierLifeOfTheGuestCountsFromThere) {
  auto first = connect();
  say(first, ready(5, 100) + beat(100));
  auto restored = connect();
  say(restored, ready(6, 40) + beat(40));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].lost_before, 0U);
  EXPECT_EQ(violation(), "(none)");
}

TEST_F(OutputListenerTest, ANewerConnectionReplacesTheOlder) {
  auto first = connect();
  say(first, ready(1, 1));
  auto second = connect();
  say(second, ready(2, 1));
  say(first, beat(1));
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(listener->latest().epoch, 2U);
}

TEST_F(OutputListenerTest, AGapInsideAConnectionIsNotedAndOneBetweenTwoIsNot) {
  auto first = connect();
  say(first, ready(1, 1) + beat(1));
  auto second = connect();
  say(second, ready(2, 5) + beat(5));
  EXPECT_FALSE(listener->gap()) << "lines 2 to 4 were lost with their connection";
  say(second, beat(8) + beat(11));
  ASSERT_TRUE(listener->gap());
  EXPECT_EQ(listener->gap()->after_seq, 5U);
  EXPECT_EQ(listener->gap()->lines, 4U);
}

TEST_F(OutputListenerTest, HasCaughtUpWhenItHasEveryLineOfTheConnection) {
  const auto caught_up = [this](std::uint64_t epoch, std::uint64_t seq) {
    return run_async(context, with_deadline(50ms, "lines", listener->wait_caught_up(epoch, seq))).has_value();
  };
  EXPECT_FALSE(caught_up(1, 1)) << "nobody is connected";
  auto guest = connect();
  say(guest, ready(1, 4));
  EXPECT_TRUE(caught_up(1, 4));
  EXPECT_FALSE(caught_up(2, 4));
  EXPECT_FALSE(caught_up(1, 5));
  say(guest, beat(4));
  EXPECT_TRUE(caught_up(1, 5));
  guest.close();
  works_for_a_moment();
  EXPECT_FALSE(caught_up(1, 5)) << "the connection has ended";
}

TEST_F(OutputListenerTest, KeptToTheFirstConnectionLaterOnesGoUnheard) {
  listener.reset();
  listener = *OutputListener::listen(
      context.get_executor(), directory / "door", [this](const OutputLine& line) { lines.push_back(line); },
      OutputTaken::kFirst);
  auto first = connect();
  say(first, ready(1, 1) + beat(1));
  first.close();
  auto second = connect();
  say(second, ready(2, 2) + beat(2));
  EXPECT_EQ(lines.size(), 1U);
  EXPECT_EQ(listener->latest().epoch, 1U);
  EXPECT_FALSE(listener->connected());
}

TEST_F(OutputListenerTest, TheFirstLineMustBeReady) {
  auto guest = connect();
  say(guest, beat(1));
  EXPECT_THAT(violation(), HasSubstr("ready line"));
  EXPECT_EQ(error_of(wait_ready(0)), ErrorKind::kInvalid);
}

TEST_F(OutputListenerTest, NumbersThatGoBackAreAViolation) {
  auto guest = connect();
  say(guest, ready(1, 5) + beat(5) + beat(5));
  EXPECT_THAT(violation(), HasSubstr("line 5 came after line 5"));
}

TEST_F(OutputListenerTest, ALineWithoutEndIsAViolation) {
  auto guest = connect();
  guest.non_blocking(true);
  for (int i = 0; i < 20; ++i) say(guest, std::string(8192, 'x'));
  EXPECT_THAT(violation(), HasSubstr("longer than 64KiB"));
}

TEST_F(OutputListenerTest, TheSocketGoesWithTheListener) {
  EXPECT_TRUE(std::filesystem::exists(directory / "door_1025"));
  listener.reset();
  EXPECT_FALSE(std::filesystem::exists(directory / "door_1025"));
}

TEST_F(OutputListenerTest, WhoWaitsIsToldWhenTheListenerEnds) {
  asio::post(context, [&] { listener.reset(); });
  EXPECT_EQ(error_of(run_async(context, listener->wait_ready(0))), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace snaphammer::agent
