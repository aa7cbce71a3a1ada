// Pages of zero-pages that the host does something to: they are pinned and left alone, their physical addresses are
// told, and when they are taken back every byte of them is verified. The commands, and what is answered:
//
//   set-aside N            {"type":"set-aside","pages":[physical addresses]}: N pages that hold what was written to them
//   take-back zeros        {"type":"taken-back","pages":N}: all of them; the host has discarded them, so they read as zeros
//   take-back written      the same; they hold what they held
//
// The second half of the contract with the agent, lib/agent/workload_protocol.h. Findings come before the answer. One
// thread: that of the commands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest-workloads/workloads/base/keyed_words.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/base/pinned_pages.h"
#include "guest-workloads/workloads/zero-pages/report.h"
#include "guest-workloads/workloads/zero-pages/sweep.h"

namespace snaphammer::zero_pages {

class SetAside {
 public:
  /// `seed` chooses the pages. The references outlive it.
  SetAside(Sweep& sweep, Counters& counters, workload::Output& output, std::uint64_t seed)
      : sweep_(sweep), counters_(counters), output_(output), choice_(seed) {}

  /// False: it is none of the commands.
  bool obey(const std::string& command);
  /// There are pages now that hold something: answers who waited for them.
  void pages_filled();

 private:
  void set_aside(std::size_t count);
  void take_back(Content expected);
  void refuse(const std::string& why);

  Sweep& sweep_;
  Counters& counters_;
  workload::Output& output_;
  workload::Choice choice_;
  workload::PinnedPages pinned_;
  std::vector<std::size_t> pages_;
  std::size_t wanted_ = 0;  // By who waits for a round to be filled.
  std::string command_;     // The last one.
};

}  // namespace snaphammer::zero_pages
