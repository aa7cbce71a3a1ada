#include "lib/proxy/in_flight.h"

#include <gmock/gmock.h>

#include "lib/base/task_group.h"
#include "lib/base/testing/run_async.h"

namespace snaphammer::proxy {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests

constexpr Duration kForEver = 1h;

// Something under way: until it is finished, or interrupted.
struct Act {
  explicit Act(const asio::any_io_executor& executor) : over(executor) {}
  Event over;
  int interrupts = 0;
};

class InFlightTest : public testing::Test {
 protected:
  std::shared_ptr<Act> begin() {
    auto act = std::make_shared<Act>(context.get_executor());
    auto entry = in_flight.enter([act] {
      ++act->interrupts;
      act->over.set();
    });
    EXPECT_TRUE(entry) << entry.error().describe();
    tasks.spawn(last(act, *std::move(entry)));
    return act;
  }
  static Awaitable<void> last(std::shared_ptr<Act> act, InFlight::Entry /*here*/) {
    static_cast<void>(co_await act->over.wait());
  }

  /// Runs until `counting` has returned a number.
  std::size_t number(Awaitable<std::size_t> counting) {
    const auto wrap = [](Awaitable<std::size_t> inner) -> Async<std::size_t> { co_return co_await std::move(inner); };
    return *run_async(context, wrap(std::move(counting)));
  }

  asio::io_context context;
  InFlight in_flight{context.get_executor()};
  TaskGroup tasks{context.get_executor()};
};

TEST_F(InFlightTest, counts_what_has_entered_until_it_leaves) {
  const auto act = begin();
  begin();
  EXPECT_EQ(in_flight.count(), 2u);
  act->over.set();
  context.poll();
  EXPECT_EQ(in_flight.count(), 1u);
  number(in_flight.force_close());
}

TEST_F(InFlightTest, lets_nothing_in_while_it_refuses) {
  in_flight.refuse("the guest is being paused");
  const auto refused = in_flight.enter([] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kRefused);
  EXPECT_EQ(refused.error().message(), "the guest is being paused");
  in_flight.accept();
  EXPECT_TRUE(in_flight.enter([] {}));
}

TEST_F(InFlightTest, nothing_under_way_is_drained_at_once) { EXPECT_EQ(number(in_flight.drain(kForEver)), 0u); }

TEST_F(InFlightTest, a_drain_returns_when_the_last_has_left) {
  const auto first = begin();
  const auto second = begin();
  asio::post(context, [&] { first->over.set(); });
  asio::post(context, [&] { second->over.set(); });
  EXPECT_EQ(number(in_flight.drain(kForEver)), 0u);
}

TEST_F(InFlightTest, a_drain_says_how_much_is_left_after_its_grace) {
  begin();
  begin();
  EXPECT_EQ(number(in_flight.drain(10ms)), 2u);
  number(in_flight.force_close());
}

TEST_F(InFlightTest, a_drain_waits_for_what_enters_meanwhile) {
  const auto first = begin();
  std::shared_ptr<Act> second;
  asio::post(context, [&] {
    second = begin();
    first->over.set();
  });
  EXPECT_EQ(number(in_flight.drain(20ms)), 1u);
  number(in_flight.force_close());
}

TEST_F(InFlightTest, force_close_interrupts_all_and_waits_for_their_end) {
  const auto first = begin();
  const auto second = begin();
  EXPECT_EQ(number(in_flight.force_close()), 2u);
  EXPECT_EQ(in_flight.count(), 0u);
  EXPECT_EQ(first->interrupts, 1);
  EXPECT_EQ(second->interrupts, 1);
}

TEST_F(InFlightTest, force_close_does_not_wait_for_what_enters_meanwhile) {
  std::shared_ptr<Act> late;
  auto act = std::make_shared<Act>(context.get_executor());
  auto entry = in_flight.enter([&] {
    late = begin();
    act->over.set();
  });
  ASSERT_TRUE(entry);
  tasks.spawn(last(act, *std::move(entry)));
  EXPECT_EQ(number(in_flight.force_close()), 1u);
  EXPECT_EQ(in_flight.count(), 1u);
  EXPECT_EQ(late->interrupts, 0);
  number(in_flight.force_close());
}

}  // namespace
}  // namespace snaphammer::proxy
