#include "lib/sandbox/sequence.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/testing/run_async.h"

namespace snaphammer::sandbox {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr PhaseId kFirst{"test", "first", ""};
constexpr PhaseId kSecond{"test", "second", ""};
constexpr PhaseId kThird{"test", "third", ""};

/// Fails the sequence at one point, and notes all that it was told.
class AbortAt final : public PhaseObserver {
 public:
  Async<void> at(std::string point) override {
    points.push_back(point);
    CO_SNAP_TRY(co_await wait_for(1ms));
    if (point == abort) co_return Error(ErrorKind::kIo, "injected");
    co_return Result<void>();
  }
  std::string abort;
  std::vector<std::string> points;
};

class SequenceTest : public testing::Test {
 protected:
  Sequence::Action note(std::string what) {
    return [this, what]() { return record(what); };
  }
  Sequence::Action fail() {
    return []() -> Async<void> { co_return Error(ErrorKind::kIo, "broken"); };
  }
  Sequence::Action hang() {
    return []() { return wait_for(1h); };
  }

  void add_three(Sequence::Action second) {
    sequence.add(kFirst, 5s, note("first"), note("undo first"));
    sequence.add(kSecond, 20ms, std::move(second), note("undo second"));
    sequence.add(kThird, 5s, note("third"), note("undo third"));
  }

  SequenceOutcome run(OnAbort on_abort = OnAbort::kUndo) { return run_within(1h, on_abort); }

  SequenceOutcome run_within(Duration limit, OnAbort on_abort = OnAbort::kUndo) {
    SequenceOutcome outcome;
    const auto whole = [](Sequence& s, OnAbort policy, SequenceOutcome& out) -> Async<void> {
      out = co_await s.run(policy);
      co_return Result<void>();
    };
    static_cast<void>(run_async(with_deadline(limit, "whole", whole(sequence, on_abort, outcome))));
    return outcome;
  }

  AbortAt observer;
  Sequence sequence{"test of s1", &observer};
  std::vector<std::string> events;

 private:
  Async<void> record(std::string what) {
    CO_SNAP_TRY(co_await wait_for(1ms));  // An undo must work although it awaits something.
    events.push_back(what);
    co_return Result<void>();
  }
};

TEST_F(SequenceTest, RunsThePhasesInOrderAndTimesThem) {
  add_three(note("second"));
  const SequenceOutcome outcome = run();
  ASSERT_TRUE(outcome.result);
  EXPECT_THAT(events, ElementsAre("first", "second", "third"));
  ASSERT_EQ(outcome.timings.size(), 3u);
  EXPECT_EQ(outcome.timings[1].name, "second");
  EXPECT_GE(outcome.timings[1].took, 1ms);
}

TEST_F(SequenceTest, TellsTheObserverBeforeAndAfterEachPhase) {
  sequence.add(kFirst, 5s, note("first"));
  sequence.add(kSecond, 5s, note("second"));
  ASSERT_TRUE(run().result);
  EXPECT_THAT(observer.points,
              ElementsAre("test.first:before", "test.first:after", "test.second:before", "test.second:after"));
}

TEST_F(SequenceTest, AFailureIsUndoneFromTheLastBegunToTheFirst) {
  add_three(fail());
  const SequenceOutcome outcome = run();
  EXPECT_EQ(outcome.result.error().message(), "test of s1: test.second: broken");
  EXPECT_THAT(events, ElementsAre("first", "undo second", "undo first"));
  EXPECT_TRUE(outcome.service_restored);
}

TEST_F(SequenceTest, APhaseThatPassesItsDeadlineIsAFailure) {
  add_three(hang());
  const SequenceOutcome outcome = run();
  EXPECT_EQ(outcome.result.error().kind(), ErrorKind::kTimeout);
  EXPECT_THAT(outcome.result.error().message(), HasSubstr("second: not done within 20ms"));
  EXPECT_THAT(events, ElementsAre("first", "undo second", "undo first"));
}

TEST_F(SequenceTest, ACancelledSequenceIsUndoneToo) {
  sequence.add(kFirst, 1h, note("first"), note("undo first"));
  sequence.add(kSecond, 1h, hang(), note("undo second"));
  const SequenceOutcome outcome = run_within(20ms);
  EXPECT_FALSE(outcome.result);
  EXPECT_THAT(events, ElementsAre("first", "undo second", "undo first"));
}

TEST_F(SequenceTest, ACancellationBetweenTwoPhasesIsNotForgotten) {
  // Emitted when the first phase has ended and the second has not begun: nothing is outstanding that it could cancel.
  asio::io_context context;
  asio::cancellation_signal cancel;
  sequence.add(kFirst, 1h, [&]() -> Async<void> {
    events.push_back("first");
    asio::post(context, [&] { cancel.emit(asio::cancellation_type::terminal); });
    co_return Result<void>();
  });
  sequence.add(kSecond, 1h, hang(), note("undo second"));
  SequenceOutcome outcome;
  asio::co_spawn(
      context, sequence.run(OnAbort::kUndo),
      asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& failure, SequenceOutcome end) {
        if (failure) std::rethrow_exception(failure);
        outcome = std::move(end);
      }));
  context.run_for(10s);
  ASSERT_TRUE(context.stopped()) << "the second phase hangs: the cancellation was lost";
  EXPECT_EQ(outcome.result.error().kind(), ErrorKind::kCancelled);
  EXPECT_THAT(events, ElementsAre("first", "undo second"));
}

TEST_F(SequenceTest, AbandoningLeavesEverythingAsItIs) {
  add_three(fail());
  const SequenceOutcome outcome = run(OnAbort::kAbandon);
  EXPECT_THAT(events, ElementsAre("first"));
  EXPECT_FALSE(outcome.service_restored);
}

TEST_F(SequenceTest, SaysWhenTheServiceCouldNotBeGivenBack) {
  sequence.add(kFirst, 5s, note("first"), note("undo first"));
  sequence.add(kSecond, 20ms, note("second"), hang());
  sequence.add(kThird, 5s, fail());
  const SequenceOutcome outcome = run();
  EXPECT_FALSE(outcome.service_restored);
  EXPECT_THAT(events, ElementsAre("first", "second", "undo first"));  // The rest is undone all the same.
}

TEST_F(SequenceTest, AnInjectedAbortBeforeAPhaseUndoesTheEarlierOnes) {
  add_three(note("second"));
  observer.abort = "test.second:before";
  EXPECT_THAT(run().result.error().message(), HasSubstr("test.second: injected"));
  EXPECT_THAT(events, ElementsAre("first", "undo second", "undo first"));
}

TEST_F(SequenceTest, AnInjectedAbortAfterAPhaseUndoesItAsWell) {
  add_three(note("second"));
  observer.abort = "test.second:after";
  EXPECT_FALSE(run().result);
  EXPECT_THAT(events, ElementsAre("first", "second", "undo second", "undo first"));
}

}  // namespace
}  // namespace snaphammer::sandbox
