// Coroutines that are started together and awaited together: nothing that they refer to may go before join().
//
//   TaskGroup tasks(executor);
//   tasks.spawn(pump(out));
//   tasks.spawn(pump(err));
//   co_await tasks.join();
//
// One io_context thread. An exception that leaves a task ends the program: tasks return values for errors.
#pragma once

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "lib/base/notice.h"

namespace snaphammer::guest {

class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor) : executor_(std::move(executor)), ended_(executor_) {}

  void spawn(Awaitable<void> task) {
    ++running_;
    asio::co_spawn(executor_, std::move(task), [this](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
      --running_;
      ended_.notify();
    });
  }

  bool idle() const { return running_ == 0; }
  Awaitable<void> join() {
    while (running_ != 0) co_await ended_.wait();
  }

 private:
  asio::any_io_executor executor_;
  Notice ended_;
  int running_ = 0;
};

}  // namespace snaphammer::guest
