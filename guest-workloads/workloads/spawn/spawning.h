// The life of spawn: a tree and some orphans each round, and an account afterwards; and the commands meanwhile.
//
//   Spawning spawning(options, STDIN_FILENO);
//   return spawning.run() ? 0 : 1;
//
// A check is answered after a whole round, so that its verdict is about processes that were started after it came.
#pragma once

#include <chrono>
#include <vector>

#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/base/pace.h"
#include "guest-workloads/workloads/spawn/family.h"
#include "guest-workloads/workloads/spawn/growth.h"
#include "guest-workloads/workloads/spawn/options.h"
#include "guest-workloads/workloads/spawn/own_use.h"

namespace snaphammer::spawn {

class Spawning {
 public:
  Spawning(const Options& options, int commands);

  /// Runs until `stop` or the end of the commands. False, with the reason on standard error, when no process can be
  /// started.
  bool run();

 private:
  using Clock = workload::Commands::Clock;

  struct Orphan {
    pid_t process;
    std::uint64_t started;
    Clock::time_point since;
  };

  bool round();
  bool grow_tree();
  /// Whether it ended within the bound; beats meanwhile.
  bool await_end(pid_t process);
  bool leave_orphans();
  void look_at_orphans();
  void account();
  void judge(const char* what, const char* unit, Growth& growth);
  bool rest();
  void answer_checks();
  void beat_when_due();
  workload::JsonObject counters() const;
  void report(const char* id, const std::string& message, const workload::JsonObject& evidence);

  Options options_;
  workload::Output output_;
  workload::Commands commands_;
  workload::Pace pace_;
  Family family_;
  Growth descriptors_{2};
  Growth resident_{1024};
  Growth mapped_{1024};
  OwnUse use_;
  std::vector<Orphan> orphans_;
  std::uint64_t rounds_ = 0;
  std::uint64_t processes_ = 0;
  std::uint64_t orphans_reaped_ = 0;
  std::uint64_t findings_ = 0;
  Clock::time_point last_beat_;
};

}  // namespace snaphammer::spawn
