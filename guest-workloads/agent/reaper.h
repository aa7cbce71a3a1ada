// The one place that calls waitpid(). PID 1 inherits every orphan of the system, so it has to reap whatever ends;
// whoever started a child gets its status from here.
//
//   SNAP_ASSIGN(Process process, spawn(...));                  // process.h
//   auto child = reaper.adopt(process.pid);
//   ProcessEnd end = co_await child->wait();
//
// No status is lost, however fast the child: adopt() comes in the same turn of the io_context as the fork, and the
// reaper runs in a turn of its own. Afterwards the status stays in the Child. One io_context thread.
#pragma once

#include <memory>
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

  /// Takes responsibility for a child that this thread has forked since the io_context last ran a handler.
  std::shared_ptr<Child> adopt(pid_t pid);
  /// How many adopted children have not ended.
  std::size_t running() const { return children_.size(); }
  /// Stops listening for ends; children that still run are killed and reaped first.
  void stop();

 private:
  void listen();
  void reap();
  void record(pid_t pid, int status);

  asio::any_io_executor executor_;
  asio::signal_set ends_;
  std::unordered_map<pid_t, std::shared_ptr<Child>> children_;
  bool stopped_ = false;
};

}  // namespace snaphammer::guest
