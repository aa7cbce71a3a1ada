// The life of entropy: it draws from each source now and then, and tells what it drew when it is asked.
//
//   Drawing(options, STDIN_FILENO).run();
#pragma once

#include <string>

#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/entropy/options.h"
#include "guest-workloads/workloads/entropy/record.h"
#include "guest-workloads/workloads/entropy/sources.h"

namespace snaphammer::entropy {

class Drawing {
 public:
  Drawing(const Options& options, int commands);

  /// Runs until `stop` or the end of the commands.
  void run();

 private:
  using Clock = workload::Commands::Clock;

  /// Of each source.
  void draw();
  void begin_life();
  /// The guest was restored although it was not quiesced before.
  void look_for_new_generation();
  void answer_check();
  void say_ready();
  void beat_when_due();
  workload::JsonObject counters() const;

  Options options_;
  workload::Output output_;
  workload::Commands commands_;
  Sources sources_;
  Record record_;
  std::string generation_;
  Clock::time_point next_beat_;
};

}  // namespace snaphammer::entropy
