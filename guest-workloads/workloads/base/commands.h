// The commands that a workload gets: it serves them between its pieces of work, and wherever it waits.
//
//   Commands commands(STDIN_FILENO, output);
//   while (commands.serve_until(next_beat)) {
//     ... work ...
//     for (; commands.checks_waiting() != 0; commands.check_answered()) output.write(verdict_line(...));
//   }
//
// `collect`, `quiesce` and `resume` are answered here. While quiesced, serve() stays in here, so the workload does nothing, except
// when a check waits: it then returns, and the workload does what a verdict takes. One thread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "guest-workloads/workloads/base/output.h"

namespace snaphammer::workload {

/// What ties the commands to the rest of a workload, when there is more to do than to wait.
struct CommandTies {
  std::function<void()> quiesce = {};  ///< Called before `quiesce` is answered.
  std::function<void()> resume = {};   ///< The same for `resume`.
  /// Answers a command that only some workloads have; false: this one does not.
  std::function<bool(const std::string& command)> other = {};
  /// Where checks are counted: with the supervisor, who answers them when this process cannot any more.
  std::atomic<unsigned>* checks_waiting = nullptr;
};

class Commands {
 public:
  using Clock = std::chrono::steady_clock;

  Commands(int descriptor, Output& output, CommandTies ties = {})
      : descriptor_(descriptor),
        output_(output),
        ties_(std::move(ties)),
        checks_waiting_(ties_.checks_waiting != nullptr ? *ties_.checks_waiting : own_checks_waiting_) {}
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  /// Obeys what has come, or comes within the timeout, and then returns. False when it is time to end.
  bool serve(std::chrono::milliseconds timeout);
  bool serve() { return serve(std::chrono::milliseconds(0)); }
  /// Serves until then.
  bool serve_until(Clock::time_point end);
  /// The same; but returns as soon as a check waits.
  bool serve_until_check(Clock::time_point end);

  unsigned checks_waiting() const { return checks_waiting_; }
  /// A verdict has been written, and flushed.
  void check_answered() { --checks_waiting_; }
  bool quiesced() const { return quiesced_; }

 private:
  void obey(const std::string& command);

  int descriptor_;
  Output& output_;
  CommandTies ties_;
  std::atomic<unsigned> own_checks_waiting_ = 0;
  std::atomic<unsigned>& checks_waiting_;
  bool quiesced_ = false;
  bool stopped_ = false;
  std::string input_;
};

}  // namespace snaphammer::workload
