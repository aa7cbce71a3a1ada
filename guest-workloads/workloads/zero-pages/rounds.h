// The life of zero-pages: take memory, check, fill, hold, verify, give back, wait, again; and the commands meanwhile.
//
//   Rounds rounds(options, STDIN_FILENO);
//   return rounds.run() ? 0 : 1;
#pragma once

#include <chrono>

#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/memory_map.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/zero-pages/options.h"
#include "guest-workloads/workloads/zero-pages/report.h"
#include "guest-workloads/workloads/zero-pages/set_aside.h"
#include "guest-workloads/workloads/zero-pages/sweep.h"

namespace snaphammer::zero_pages {

class Rounds {
 public:
  /// Maps the memory; `commands` is read for commands.
  Rounds(const Options& options, int commands);

  /// Runs until `stop`, the end of the commands or the last round. False when the memory could not be had.
  bool run();

 private:
  using Clock = std::chrono::steady_clock;
  using Pass = std::size_t (Sweep::*)(std::uint32_t round, std::size_t first, std::size_t count);

  bool sweep(Pass pass, std::uint64_t& counter);
  bool take_fresh();
  bool hold();
  bool verify();
  bool give_back_and_settle();

  /// Answers a waiting `check`, when memory was taken fresh since the last one.
  bool answer_check();
  bool needs_fresh() const { return fresh_rounds_since_check_ == 0; }

  Options options_;
  Counters counters_;
  workload::Output output_;
  workload::Commands commands_;
  Reporter reporter_;
  workload::AnonymousMemory memory_;
  Sweep sweep_;
  SetAside set_aside_;
  std::uint32_t round_ = 0;
  /// Rounds since the last verdict whose memory had been given back before: the first of all does not count, as its
  /// pages come from a kernel that has just booted.
  std::uint64_t fresh_rounds_since_check_ = 0;
  Clock::time_point filled_at_;
};

}  // namespace snaphammer::zero_pages
