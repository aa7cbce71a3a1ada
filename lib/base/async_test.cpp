#include "lib/base/async.h"

#include <optional>
#include <thread>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "lib/base/blocking.h"
#include "lib/base/testing/run_async.h"

namespace snaphammer {
namespace {

using namespace std::chrono_literals;

Async<int> answer_after(Duration delay) {
  CO_SNAP_TRY(co_await wait_for(delay));
  co_return 42;
}

TEST(WithDeadline, ReturnsWhatComesInTime) {
  EXPECT_EQ(run_async(with_deadline(10s, "answer", answer_after(1ms))).value(), 42);
}

TEST(WithDeadline, CancelsWhatIsLateAndSaysWhat) {
  const auto result = run_async(with_deadline(5ms, "answer", answer_after(1h)));
  EXPECT_EQ(result.error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(result.error().message(), "answer: not done within 5ms");
}

TEST(WithDeadline, AnOuterDeadlineEndsAnInnerOne) {
  const auto result = run_async(with_deadline(5ms, "outer", with_deadline(1h, "inner", answer_after(1h))));
  EXPECT_EQ(result.error().message(), "outer: not done within 5ms");
}

TEST(WithDeadline, WhatIsThrownIsReturnedAtOnce) {
  const auto broken = []() -> Async<int> {
    CO_SNAP_TRY(co_await wait_for(1ms));
    throw std::runtime_error("broken");
  };
  const auto result = run_async(with_deadline(1h, "answer", broken()));
  EXPECT_EQ(result.error().kind(), ErrorKind::kInternal);
  EXPECT_EQ(result.error().message(), "answer: broken");
}

TEST(WithDeadline, ACancelledOperationThatAwaitsAgainStillEnds) {
  const auto stubborn = []() -> Async<int> {
    static_cast<void>(co_await wait_for(1h));
    static_cast<void>(co_await wait_for(1h));
    co_return 1;
  };
  EXPECT_EQ(run_async(with_deadline(5ms, "answer", stubborn())).error().kind(), ErrorKind::kTimeout);
}

TEST(Event, WakesAllWaitersAndStaysSet) {
  asio::io_context context;
  Event event(context.get_executor());
  int woken = 0;
  const auto waiter = [&]() -> Awaitable<void> {
    EXPECT_TRUE(co_await event.wait());
    ++woken;
  };
  asio::co_spawn(context, waiter(), asio::detached);
  asio::co_spawn(context, waiter(), asio::detached);
  context.poll();
  EXPECT_EQ(woken, 0);
  event.set();
  context.poll();
  EXPECT_EQ(woken, 2);
  asio::co_spawn(context, waiter(), asio::detached);
  context.restart();
  context.poll();
  EXPECT_EQ(woken, 3);
}

TEST(Event, AWaitThatIsCancelledSaysSoAndThrowsNothing) {
  asio::io_context context;
  Event event(context.get_executor());
  asio::cancellation_signal cancel;
  std::exception_ptr thrown;
  std::optional<Result<void>> outcome;
  asio::co_spawn(
      context, event.wait(),
      asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& defect, Result<void> result) {
        thrown = defect;
        outcome = std::move(result);
      }));
  context.poll();
  cancel.emit(asio::cancellation_type::terminal);
  context.poll();
  EXPECT_FALSE(thrown);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error().kind(), ErrorKind::kCancelled);
}

TEST(Event, AWaitCanBeCancelled) {
  asio::io_context context;
  Event event(context.get_executor());
  EXPECT_EQ(run_async(context, with_deadline(5ms, "event", event.wait())).error().kind(), ErrorKind::kTimeout);
}

TEST(RunBlocking, LeavesTheCallersThreadFreeAndComesBackToIt) {
  asio::io_context context;
  asio::thread_pool pool(1);
  const auto caller = std::this_thread::get_id();
  const auto result = run_async(context, [&]() -> Async<std::thread::id> {
    const auto tell_thread = [] { return Result<std::thread::id>(std::this_thread::get_id()); };
    auto worker = co_await run_blocking(pool, tell_thread);
    EXPECT_EQ(std::this_thread::get_id(), caller);
    co_return worker;
  }());
  EXPECT_NE(result.value(), caller);
}

}  // namespace
}  // namespace snaphammer
