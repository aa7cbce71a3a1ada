// One port forwarder: a socat that takes connections to a port and carries each to another address, from its start to the
// end of all its processes.
//
//   SNAP_ASSIGN(const auto forwarder, Forwarder::start(executor, reaper, command));
//   ...
//   forwarder->kill();
//   co_await forwarder->wait_gone();
//
// socat forks for every connection; all these processes are one group. They are gone when the pipe to which they write
// their messages has ended, which none of them closes before its own end; so nothing has to be asked again and again.
// Whether it listens shows in these messages, which therefore must be wanted: `socat -d -d`. One io_context thread.
#pragma once

#include <csignal>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "guest-workloads/agent/process.h"
#include "guest-workloads/agent/reaper.h"
#include "lib/base/async.h"

namespace snaphammer::guest {

class Forwarder : public std::enable_shared_from_this<Forwarder> {
 public:
  /// An error when the program cannot be started. It lives, unseen, until its processes are gone.
  static Result<std::shared_ptr<Forwarder>> start(const asio::any_io_executor& executor, Reaper& reaper,
                                                  const Command& command);

  pid_t pid() const { return child_->pid(); }
  /// Whether it takes connections: it has said so, and its first process has not ended.
  bool listening() const { return listening_ && !ended(); }
  /// Whether its first process has ended; others may be left for a moment.
  bool ended() const { return child_->ended(); }
  /// Whether no process of it is left.
  bool gone() const { return gone_.is_set(); }
  /// What it last complained about, or how it ended.
  std::string complaint() const;

  /// Ends all its processes, which takes a moment.
  void kill() const { child_->signal_group(SIGKILL); }
  Awaitable<void> wait_gone();

 private:
  Forwarder(const asio::any_io_executor& executor, std::shared_ptr<Child> child, Process process);
  Awaitable<void> read_messages();
  Awaitable<void> await_end();
  void take_message(std::string_view line);
  void part_ended();

  std::shared_ptr<Child> child_;
  asio::posix::stream_descriptor messages_;
  bool listening_ = false;
  std::string complaint_;
  int parts_ = 2;  ///< read_messages() and await_end().
  Event gone_;
};

}  // namespace snaphammer::guest
