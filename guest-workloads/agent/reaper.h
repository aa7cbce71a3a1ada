// The one place that calls waitpid(). PID 1 inherits every orphan of the system, so it has to reap whatever ends;
// whoever started a child gets its status from here.
//
//   SNAP_ASSIGN(Process process, spawn(...));                  // process.h
//   auto child = reaper.adopt(process.pid);
//   ProcessEnd end = co_await child->wait();
//
// No status is lost, however fast the child: adopt() comes in the same turn of the io_context as the fork, and the
// reaper runs in a turn of its own; or the fork is on another thread, between begin_start() and end_start(), and the reaper
// keeps what it cannot place meanwhile. Afterwards the status stays in the Child. One io_context thread.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <sys/types.h>

#include "lib/agent/exec_protocol.h"
#include "lib/agent/protocol.h"
#include "lib/base/notice.h"

namespace snaphammer::guest {

/// A process that we started: its number, and how it ended once it has.
class Child {
 public:
  Child(const asio::any_io_executor& executor, pid_t pid) : pid_(pid), changed_(executor) {}

  pid_t pid() const { return pid_; }
  const agent::ProcessEnd& end() const { return end_; }
  bool ended() const { return end_.ended(); }
  /// Returns when it has ended and been reaped.
  Awaitable<agent::ProcessEnd> wait();
  /// Sends `signal` to its process group; nothing once it was reaped, as its number may then be another's.
  void signal_group(int signal) const;

 private:
  friend class Reaper;
  pid_t pid_;
  agent::ProcessEnd end_;
  Notice changed_;
};

class Reaper {
 public:
  explicit Reaper(asio::io_context& context);
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  /// Takes responsibility for a child that this thread has forked since the io_context last ran a handler, or another
  /// thread since begin_start().
  std::shared_ptr<Child> adopt(pid_t pid);
  /// A child is going to be forked on another thread. To be followed by end_start() with the number that this returns, once
  /// it has been adopted or could not be started.
  std::uint64_t begin_start();
  void end_start(std::uint64_t number);
  /// How many adopted children have not ended.
  std::size_t running() const { return children_.size(); }
  /// Stops listening for ends; children that still run are killed and reaped first.
  void stop();

 private:
  /// How a child ended that nobody has adopted yet; only starts up to that number can be its.
  struct EarlyEnd {
    agent::ProcessEnd end;
    std::uint64_t last_start;
  };

  void listen();
  void reap();
  void record(pid_t pid, int status);

  asio::any_io_executor executor_;
  asio::signal_set ends_;
  std::unordered_map<pid_t, std::shared_ptr<Child>> children_;
  std::uint64_t last_start_ = 0;
  std::set<std::uint64_t> starts_;  // Under way.
  std::unordered_map<pid_t, EarlyEnd> early_ends_;
  bool stopped_ = false;
};

}  // namespace snaphammer::guest
