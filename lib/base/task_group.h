// Counts what is under way, so that its owner can wait for the end of it before destroying what it uses.
//
//   TaskGroup tasks(executor);
//   tasks.spawn(watch(vm));                                   // runs by itself
//   const TaskGroup::Membership here = tasks.enter();         // or: what the current coroutine does
//   co_await tasks.wait_idle();
//
// For operations that end with the caller's own there is run_together.h.
//
// One io_context thread. An exception that leaves a spawned task ends the program: errors are values.
#pragma once

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "lib/base/async.h"

namespace snaphammer {

class TaskGroup {
 public:
  /// Counts as one task for its lifetime.
  class Membership {
   public:
    explicit Membership(TaskGroup& group) : group_(&group) { ++group.running_; }
    Membership(Membership&& other) noexcept : group_(std::exchange(other.group_, nullptr)) {}
    Membership& operator=(Membership&&) = delete;
    ~Membership() {
      if (group_ != nullptr && --group_->running_ == 0) group_->changed_.cancel();
    }

   private:
    TaskGroup* group_;
  };

  explicit TaskGroup(const asio::any_io_executor& executor)
      : executor_(executor), changed_(executor, TimePoint::max()) {}

  Membership enter() { return Membership(*this); }
  void spawn(Awaitable<void> task) {
    asio::co_spawn(executor_, std::move(task), [membership = enter()](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }
  bool idle() const { return running_ == 0; }
  /// Returns when nothing is under way. Not cancellable: what is under way has to be ended by its own means.
  Awaitable<void> wait_idle() {
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    while (running_ != 0) static_cast<void>(co_await changed_.async_wait(as_result));
    co_await asio::this_coro::throw_if_cancelled(throws);
  }

 private:
  asio::any_io_executor executor_;
  asio::steady_timer changed_;
  int running_ = 0;
};

}  // namespace snaphammer
