#include "harness/engine/memory_budget.h"

#include <limits>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

namespace snaphammer::engine {
namespace {

using testing::ElementsAre;

class MemoryBudgetTest : public testing::Test {
 protected:
  /// Somebody who takes a share and keeps it until it is given back by name.
  void take(MemoryBudget& budget, std::string name, ByteCount bytes) {
    asio::co_spawn(context_, hold(budget, std::move(name), bytes), asio::detached);
    settle();
  }
  Awaitable<void> hold(MemoryBudget& budget, std::string name, ByteCount bytes) {
    auto share = co_await budget.take(bytes);
    held_.push_back(name);
    shares_.emplace(std::move(name), *std::move(share));
  }
  void give_back(const std::string& name) {
    shares_.erase(name);
    settle();
  }
  void settle() {
    context_.restart();
    context_.poll();
  }

  asio::io_context context_;
  std::vector<std::string> held_;
  std::map<std::string, MemoryBudget::Share> shares_;
};

TEST_F(MemoryBudgetTest, AsMuchAsThereIsAtATime) {
  MemoryBudget budget(context_.get_executor(), 10);
  take(budget, "a", 6);
  take(budget, "b", 4);
  take(budget, "c", 1);
  EXPECT_THAT(held_, ElementsAre("a", "b"));
  give_back("b");
  EXPECT_THAT(held_, ElementsAre("a", "b", "c"));
  shares_.clear();
}

TEST_F(MemoryBudgetTest, WhoCameFirstIsServedFirstAndThenAllWhoHaveRoom) {
  MemoryBudget budget(context_.get_executor(), 10);
  take(budget, "small", 1);
  take(budget, "large", 10);
  take(budget, "next", 1);
  take(budget, "last", 1);
  EXPECT_THAT(held_, ElementsAre("small"));
  give_back("small");
  EXPECT_THAT(held_, ElementsAre("small", "large"));
  give_back("large");
  EXPECT_THAT(held_, ElementsAre("small", "large", "next", "last"));
  shares_.clear();
}

TEST_F(MemoryBudgetTest, MoreThanThereIsGoesAlone) {
  MemoryBudget budget(context_.get_executor(), 10);
  take(budget, "small", 1);
  take(budget, "huge", std::numeric_limits<ByteCount>::max());
  EXPECT_THAT(held_, ElementsAre("small"));
  give_back("small");
  take(budget, "other", 0);
  EXPECT_THAT(held_, ElementsAre("small", "huge"));
  give_back("huge");
  EXPECT_THAT(held_, ElementsAre("small", "huge", "other"));
  shares_.clear();
}

TEST_F(MemoryBudgetTest, WithoutABoundNobodyWaits) {
  MemoryBudget budget(context_.get_executor(), std::nullopt);
  for (const char* name : {"a", "b", "c"}) take(budget, name, std::numeric_limits<ByteCount>::max() / 4);
  EXPECT_THAT(held_, ElementsAre("a", "b", "c"));
  shares_.clear();
}

}  // namespace
}  // namespace snaphammer::engine
