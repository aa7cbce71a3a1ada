#include "lib/uffd/trace.h"

#include <set>
#include <thread>

#include <gmock/gmock.h>

namespace snaphammer::uffd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t kCapacity = 1024;  // The least that a Trace has.

TimePoint at(std::int64_t ns) { return TimePoint(Duration(ns)); }

std::vector<std::int64_t> times_of(const std::vector<TraceEvent>& events) {
  std::vector<std::int64_t> times;
  for (const TraceEvent& event : events) times.push_back(event.at.time_since_epoch().count());
  return times;
}

TEST(Trace, GivesEventsBackAsTheyWere) {
  Trace trace(kCapacity);
  trace.add(TraceKind::kPrefetch, {3 * kPageSize, 2_MiB}, at(1'000'000'007), Duration(4321));
  const std::vector<TraceEvent> events = trace.events();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].kind, TraceKind::kPrefetch);
  EXPECT_EQ(events[0].extent, (Extent{3 * kPageSize, 2_MiB}));
  EXPECT_EQ(events[0].at, at(1'000'000'007));
  EXPECT_EQ(events[0].duration, Duration(4321));
}

TEST(Trace, HoldsEachKindAtAnAddressAsHighAsAny) {
  Trace trace(kCapacity);
  constexpr std::uint64_t kHighest = 0x7fff'ffff'f000;
  for (int kind = 0; kind <= static_cast<int>(TraceKind::kPrefetch); ++kind) {
    trace.add(static_cast<TraceKind>(kind), {kHighest, kPageSize}, at(kind));
  }
  const std::vector<TraceEvent> events = trace.events();
  ASSERT_THAT(events, SizeIs(static_cast<std::size_t>(TraceKind::kPrefetch) + 1));
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(events[i].kind), i);
    EXPECT_EQ(events[i].extent, (Extent{kHighest, kPageSize}));
    EXPECT_NE(name_of(events[i].kind), "?");
    names.insert(name_of(events[i].kind));
  }
  EXPECT_THAT(names, SizeIs(events.size())) << "a kind is known by its name";
}

TEST(Trace, ALongDurationIsCutAndDisturbsNothingElse) {
  Trace trace(kCapacity);
  trace.add(TraceKind::kCopy, {0, 3 * kPageSize}, at(1), std::chrono::hours(1));
  trace.add(TraceKind::kCopy, {0, 3 * kPageSize}, at(2), Duration(-1));
  const std::vector<TraceEvent> events = trace.events();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_GT(events[0].duration, std::chrono::seconds(4));
  EXPECT_EQ(events[0].extent, (Extent{0, 3 * kPageSize}));
  EXPECT_EQ(events[1].duration, Duration(0));
  EXPECT_EQ(events[1].extent, (Extent{0, 3 * kPageSize}));
}

TEST(Trace, IsOldestFirstHoweverEventsCame) {
  Trace trace(kCapacity);
  for (const std::int64_t time : {5, 1, 4, 2, 3}) trace.add(TraceKind::kFault, {}, at(time));
  EXPECT_THAT(times_of(trace.events()), ElementsAre(1, 2, 3, 4, 5));
}

TEST(Trace, EventsOfOneMomentKeepTheirOrder) {
  Trace trace(kCapacity);
  for (const TraceKind kind : {TraceKind::kRemove, TraceKind::kFault, TraceKind::kZero}) trace.add(kind, {}, at(1));
  std::vector<TraceKind> kinds;
  for (const TraceEvent& event : trace.events()) kinds.push_back(event.kind);
  EXPECT_THAT(kinds, ElementsAre(TraceKind::kRemove, TraceKind::kFault, TraceKind::kZero));
}

TEST(Trace, KeepsTheLastOnesOnceItHasWrapped) {
  Trace trace(kCapacity);
  for (std::int64_t i = 0; i < 2500; ++i) trace.add(TraceKind::kFault, {}, at(i));
  const std::vector<std::int64_t> times = times_of(trace.events());
  ASSERT_THAT(times, SizeIs(kCapacity));
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(times[i], static_cast<std::int64_t>(2500 - kCapacity + i));
  }
  EXPECT_EQ(trace.added(), 2500u);
}

TEST(Trace, ExactlyFullOneHasLostNothing) {
  Trace trace(kCapacity);
  for (std::size_t i = 0; i < kCapacity; ++i) trace.add(TraceKind::kFault, {}, at(static_cast<std::int64_t>(i)));
  EXPECT_THAT(trace.events(), SizeIs(kCapacity));
  EXPECT_EQ(times_of(trace.events()).front(), 0);
}

TEST(Trace, TakesWhatItSaysAndNoMore) {
  EXPECT_EQ(Trace(5000).memory_used(), 5000 * Trace::kBytesPerEvent);
  EXPECT_EQ(Trace(0).memory_used(), kCapacity * Trace::kBytesPerEvent) << "short traces explain nothing";
}

TEST(Trace, EmptyOneHasNoEvents) { EXPECT_THAT(Trace(kCapacity).events(), IsEmpty()); }

TEST(Trace, HistoryOfAPageIsWhateverCoversIt) {
  Trace trace(kCapacity);
  trace.add(TraceKind::kPrefetch, {0, 16_KiB}, at(1));
  trace.add(TraceKind::kRemove, {8_KiB, 8_KiB}, at(2));
  trace.add(TraceKind::kFault, {12_KiB, 4_KiB}, at(3));
  trace.add(TraceKind::kFault, {16_KiB, 4_KiB}, at(4));
  trace.add(TraceKind::kFork, {}, at(5));
  const std::vector<TraceEvent> events = trace.events();
  EXPECT_THAT(times_of(history_of(events, 0)), ElementsAre(1));
  EXPECT_THAT(times_of(history_of(events, 8_KiB)), ElementsAre(1, 2));
  EXPECT_THAT(times_of(history_of(events, 12_KiB)), ElementsAre(1, 2, 3));
  EXPECT_THAT(times_of(history_of(events, 16_KiB)), ElementsAre(4));
  EXPECT_THAT(times_of(history_of(events, 20_KiB)), IsEmpty());
}

// An event all of whose parts tell its number.
void add_number(Trace& trace, std::uint64_t number) {
  trace.add(static_cast<TraceKind>(number % 13), {number * kPageSize, (number % 1000 + 1) * kPageSize},
            at(static_cast<std::int64_t>(number)), Duration(static_cast<std::int64_t>(number)));
}
bool is_whole(const TraceEvent& event) {
  const std::uint64_t number = event.extent.offset / kPageSize;
  return static_cast<std::uint64_t>(event.kind) == number % 13 &&
         event.extent.length == (number % 1000 + 1) * kPageSize && event.at == at(static_cast<std::int64_t>(number)) &&
         event.duration == Duration(static_cast<std::int64_t>(number));
}

// Reads while `writers` threads add `total` events, again and again; how many of those read were torn.
std::size_t torn_among(std::uint64_t total, std::uint64_t writers) {
  Trace trace(kCapacity);
  std::atomic<std::uint64_t> writing = writers;
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&trace, &writing, total, writers, writer] {
      for (std::uint64_t number = writer; number < total; number += writers) add_number(trace, number);
      --writing;
    });
  }
  std::size_t torn = 0;
  const auto look = [&trace, &torn] {
    for (const TraceEvent& event : trace.events()) torn += is_whole(event) ? 0 : 1;
  };
  while (writing > 0) look();
  for (std::thread& thread : threads) thread.join();
  look();
  EXPECT_EQ(trace.added(), total);
  return torn;
}

TEST(Trace, AReaderNeverSeesATornEvent) { EXPECT_EQ(torn_among(6'000'000, 1), 0u); }

// More writers than processors, so that some are interrupted in the middle of an event while others go round the ring.
TEST(Trace, AReaderNeverSeesATornEventOfManyWriters) { EXPECT_EQ(torn_among(1'500'000, 6), 0u); }

TEST(Trace, AnEventIsReadOnce) {
  Trace trace(kCapacity);
  std::thread writer([&trace] {
    for (std::uint64_t number = 0; number < 100'000; ++number) add_number(trace, number);
  });
  for (int look = 0; look < 50; ++look) {
    const std::vector<std::int64_t> times = times_of(trace.events());
    EXPECT_THAT(std::set<std::int64_t>(times.begin(), times.end()), SizeIs(times.size()));
    EXPECT_LE(times.size(), kCapacity);
  }
  writer.join();
}

}  // namespace
}  // namespace snaphammer::uffd
