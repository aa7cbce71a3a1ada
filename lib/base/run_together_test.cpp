#include "lib/base/run_together.h"

#include <gtest/gtest.h>

#include "lib/base/testing/run_async.h"

namespace snaphammer {
namespace {

using namespace std::chrono_literals;

Async<void> wait_and(Duration duration, int& done, Result<void> outcome = {}) {
  const Result<void> waited = co_await wait_for(duration);
  ++done;
  if (!waited) co_return waited;
  co_return outcome;
}

/// Cancelled, it takes its time to end, as what must not be left half-way does; `using_it` is what it uses until then.
Async<void> end_slowly(std::vector<int>& using_it) {
  co_await asio::this_coro::throw_if_cancelled(false);
  static_cast<void>(co_await wait_for(1h));
  static_cast<void>(co_await wait_for(30ms));
  using_it.at(0) = 1;
  co_return Result<void>();
}

TEST(RunTogether, ReturnsWhenTheLastHasEndedAndSaysHowEachDid) {
  const auto both = []() -> Async<int> {
    int done = 0;
    std::vector<Async<void>> all;
    all.push_back(wait_and(20ms, done, Error(ErrorKind::kGone, "lost")));
    all.push_back(wait_and(1ms, done));
    const std::vector<Result<void>> outcomes = co_await run_together(std::move(all));
    EXPECT_EQ(outcomes.at(0).error().message(), "lost");
    EXPECT_TRUE(outcomes.at(1));
    co_return done;
  };
  EXPECT_EQ(run_async(both()).value(), 2);
}

TEST(RunTogether, NothingIsNothingToWaitFor) {
  const auto none = []() -> Async<std::size_t> {
    const std::vector<Result<void>> outcomes = co_await run_together({});
    co_return outcomes.size();
  };
  EXPECT_EQ(run_async(none()).value(), 0u);
}

TEST(RunTogether, WhatOneThrowsIsItsErrorAndTheOthersGoOn) {
  const auto throwing = []() -> Async<void> {
    throw std::runtime_error("broken");
    co_return Result<void>();
  };
  const auto both = [&]() -> Async<int> {
    int done = 0;
    std::vector<Async<void>> all;
    all.push_back(throwing());
    all.push_back(wait_and(5ms, done));
    const std::vector<Result<void>> outcomes = co_await run_together(std::move(all));
    EXPECT_EQ(outcomes.at(0).error().kind(), ErrorKind::kInternal);
    co_return done;
  };
  EXPECT_EQ(run_async(both()).value(), 1);
}

TEST(RunTogether, CancelledItCancelsEach) {
  int done = 0;
  const auto both = [&]() -> Async<void> {
    std::vector<Async<void>> all;
    all.push_back(wait_and(1h, done));
    all.push_back(wait_and(1h, done));
    const std::vector<Result<void>> outcomes = co_await run_together(std::move(all));
    for (const Result<void>& outcome : outcomes) EXPECT_EQ(outcome.error().kind(), ErrorKind::kCancelled);
    co_return Result<void>();
  };
  EXPECT_EQ(run_async(with_deadline(5ms, "both", both())).error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(done, 2);
}

TEST(RunTogether, CancelledItStillWaitsForWhoeverUsesItsCallersStack) {
  bool was_used = false;
  const auto both = [&]() -> Async<void> {
    std::vector<int> used(1);
    std::vector<Async<void>> all;
    all.push_back(end_slowly(used));
    all.push_back(end_slowly(used));
    co_await run_together(std::move(all));
    was_used = used.at(0) == 1;
    co_return Result<void>();
  };
  EXPECT_EQ(run_async(with_deadline(5ms, "both", both())).error().kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(was_used);
}

TEST(RunTogether, WhoeverWasCancelledBeforeAndGoesOnRunsNothingToItsEnd) {
  int done = 0;
  const auto late = [&]() -> Async<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    static_cast<void>(co_await wait_for(1h));
    std::vector<Async<void>> all;
    all.push_back(wait_and(1h, done));
    co_await run_together(std::move(all));
    co_return Result<void>();
  };
  EXPECT_EQ(run_async(with_deadline(5ms, "late", late())).error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(done, 1);
}

TEST(RunTogether, WhoeverIsCancelledMeanwhileIsCutAtItsNextWait) {
  bool went_on = false;
  int done = 0;
  const auto both = [&]() -> Async<void> {
    std::vector<Async<void>> all;
    all.push_back(wait_and(1h, done));
    co_await run_together(std::move(all));
    static_cast<void>(co_await wait_for(1ms));
    went_on = true;
    co_return Result<void>();
  };
  EXPECT_EQ(run_async(with_deadline(5ms, "both", both())).error().kind(), ErrorKind::kTimeout);
  EXPECT_FALSE(went_on);
}

}  // namespace
}  // namespace snaphammer
