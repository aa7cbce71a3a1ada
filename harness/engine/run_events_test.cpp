#include "harness/engine/run_events.h"

#include <array>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace snaphammer::engine {
namespace {

using testing::IsEmpty;

class RunEventsTest : public testing::Test {
 protected:
  RunEventsTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  /// All that was said since the last call.
  std::string said() const {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::read(reader.get(), buffer.data(), buffer.size());
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : "";
  }

  UniqueFd reader, writer;
};

TEST_F(RunEventsTest, WhatIsSaidIsHeard) {
  RunEvents events(writer.get());
  events.phase("restore \"s1\"\n");
  EXPECT_EQ(event_in(said())->phase, "restore \"s1\"\n");
  events.finding("stale-page");
  const auto event = event_in(said());
  EXPECT_EQ(event->finding, "stale-page");
  EXPECT_THAT(event->phase, IsEmpty());
}

TEST_F(RunEventsTest, AFindingIsToldOnce) {
  RunEvents events(writer.get());
  events.finding("hang");
  said();
  events.finding("hang");
  EXPECT_THAT(said(), IsEmpty());
  events.finding("stale-page");
  EXPECT_EQ(event_in(said())->finding, "stale-page");
}

TEST_F(RunEventsTest, NobodyNeedsToListen) {
  RunEvents silent(-1);
  silent.phase("boot");
  RunEvents blocked(writer.get());
  for (int i = 0; i < 10'000; ++i) blocked.phase("boot");
  EXPECT_THAT(said(), testing::StartsWith("{\"phase\":\"boot\"}\n"));
}

TEST(RunEvent, OtherLinesSayNothing) {
  for (const char* const line : {"", "boot", "[]", "{}", "{\"phase\":3}", "{\"phase\":\"\"}", "{\"other\":\"x\"}"}) {
    EXPECT_FALSE(event_in(line)) << line;
  }
}

}  // namespace
}  // namespace snaphammer::engine
