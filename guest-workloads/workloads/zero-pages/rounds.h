// The life of zero-pages: take memory, check, fill, hold, verify, give back, wait, again; and the commands meanwhile.
//
//   Rounds rounds(options, STDIN_FILENO);
//   return rounds.run() ? 0 : 1;
//
// Memory is given back by MADV_DONTNEED, as language runtimes do it. The pages go back to the kernel just as with
// munmap(), but the page tables stay: were those taken anew, a server that hands out stale pages would hit them too and
// crash the guest's kernel before anything could be reported.
#pragma once

#include <chrono>
#include <string>

#include "guest-workloads/workloads/zero-pages/options.h"
#include "guest-workloads/workloads/zero-pages/report.h"
#include "guest-workloads/workloads/zero-pages/sweep.h"

namespace snaphammer::zero_pages {

class Rounds {
 public:
  /// Maps the memory; `commands` is read for commands.
  Rounds(const Options& options, int commands);
  ~Rounds();
  Rounds(const Rounds&) = delete;
  Rounds& operator=(const Rounds&) = delete;

  /// Runs until `stop`, the end of the commands or the last round. False when the memory could not be had.
  bool run();

 private:
  using Clock = std::chrono::steady_clock;
  using Pass = void (Sweep::*)(std::uint32_t round, std::size_t first, std::size_t count);

  bool sweep(Pass pass, std::uint64_t& counter);
  bool take_fresh();
  bool hold();
  bool verify();
  bool give_back_and_settle();

  bool wait_until(Clock::time_point end, bool until_check);
  bool serve_commands(int timeout_ms);
  void obey(const std::string& command);
  /// Answers a waiting `check`, when memory was taken fresh since the last one.
  bool answer_check();
  bool needs_fresh() const { return fresh_rounds_since_check_ == 0; }

  Options options_;
  int commands_;
  Counters counters_;
  Output output_;
  std::span<std::uint64_t> memory_;
  Sweep sweep_;
  std::uint32_t round_ = 0;
  /// Rounds since the last verdict whose memory had been given back before: the first of all does not count, as its
  /// pages come from a kernel that has just booted.
  std::uint64_t fresh_rounds_since_check_ = 0;
  Clock::time_point filled_at_;
  unsigned checks_waiting_ = 0;
  bool quiesced_ = false;
  bool stopped_ = false;
  std::string input_;
};

}  // namespace snaphammer::zero_pages
