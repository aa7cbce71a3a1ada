// The commands that a workload gets: it serves them between its pieces of work, and wherever it waits.
//
//   Commands commands(STDIN_FILENO, output);
//   while (commands.serve_until(next_beat)) {
//     ... work ...
//     for (; commands.checks_waiting() != 0; commands.check_answered()) output.write(verdict_line(...));
//   }
//
// `quiesce` and `resume` are answered here. While quiesced, serve() stays in here, so the workload does nothing, except
// when a check waits: it then returns, and the workload does what a verdict takes. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "guest-workloads/workloads/base/output.h"

namespace snaphammer::workload {

class Commands {
 public:
  using Clock = std::chrono::steady_clock;

  /// For workloads with more to do than to stay in here; each is called before its answer is written.
  struct Actions {
    std::function<void()> quiesce;
    std::function<void()> resume;
  };

  Commands(int descriptor, Output& output, Actions actions = {})
      : descriptor_(descriptor), output_(output), actions_(std::move(actions)) {}

  /// Obeys what has come, or comes within the timeout, and then returns. False when it is time to end.
  bool serve(std::chrono::milliseconds timeout);
  bool serve() { return serve(std::chrono::milliseconds(0)); }
  /// Serves until then.
  bool serve_until(Clock::time_point end);
  /// The same; but returns as soon as a check waits.
  bool serve_until_check(Clock::time_point end);

  unsigned checks_waiting() const { return checks_waiting_; }
  /// A verdict has been written.
  void check_answered() { --checks_waiting_; }
  bool quiesced() const { return quiesced_; }

 private:
  void obey(const std::string& command);

  int descriptor_;
  Output& output_;
  Actions actions_;
  unsigned checks_waiting_ = 0;
  bool quiesced_ = false;
  bool stopped_ = false;
  std::string input_;
};

}  // namespace snaphammer::workload
