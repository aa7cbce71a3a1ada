// The lines that zero-pages writes on its standard output, as the workload contract has them.
#pragma once

#include <cstdint>
#include <string>

#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/zero-pages/sweep.h"

namespace snaphammer::zero_pages {

/// What was really looked at, so that a pass can be told from a check of nothing.
struct Counters {
  std::uint64_t rounds = 0;          ///< Times that all memory was taken fresh, checked and filled.
  std::uint64_t fresh_pages = 0;     ///< Pages checked to be zero.
  std::uint64_t verified_pages = 0;  ///< Pages checked to hold what was written.
  std::uint64_t taken_back = 0;      ///< Pages checked that had been set aside.
  std::uint64_t stale = 0;
  std::uint64_t lost = 0;
};

/// `address`: of the first page, in the program.
std::string ready_line(std::size_t pages, std::uintptr_t address);
std::string beat_line(const char* phase, std::uint32_t round, const Counters& counters);
std::string finding_line(const PageFinding& finding);
/// Passes when nothing was found since the program started. `fresh_age_ms`: how long ago the last round was filled.
std::string verdict_line(const Counters& counters, std::uint64_t fresh_age_ms);

/// Counts findings and writes their lines.
class Reporter : public FindingSink {
 public:
  Reporter(Counters& counters, workload::Output& output) : counters_(counters), output_(output) {}

  void take(const PageFinding& finding) override;

 private:
  Counters& counters_;
  workload::Output& output_;
};

}  // namespace snaphammer::zero_pages
