#include "harness/doctor/check.h"

#include <array>

#include "harness/doctor/checks.h"

namespace snaphammer::doctor {

std::string_view name_of(State state) {
  switch (state) {
    case State::kGood:
      return "good";
    case State::kLimited:
      return "limited";
    case State::kMissing:
      return "missing";
  }
  return "?";
}

std::span<const Check> all_checks() {
  static constexpr std::array kChecks = {
      Check{"QEMU", NeededBy::kEveryRun, check_qemu},
      Check{"accelerator", NeededBy::kNone, check_accelerator},
      Check{"interposer", NeededBy::kEveryRun, check_interposer},
      Check{"guest image", NeededBy::kDefaultImage, check_guest_image},
      Check{"userfaultfd", NeededBy::kEveryRun, check_userfaultfd},
      Check{"memfd", NeededBy::kEveryRun, check_memfd},
      Check{"memory", NeededBy::kNone, check_memory},
      Check{"huge pages", NeededBy::kNone, check_huge_pages},
      Check{"open files", NeededBy::kNone, check_open_files},
      Check{"processes", NeededBy::kNone, check_processes},
      Check{"space for results", NeededBy::kEveryRun, check_results_space},
      Check{"space for caches", NeededBy::kEveryRun, check_cache_space},
      Check{"space for sockets", NeededBy::kEveryRun, check_runtime_space},
      Check{"gdb", NeededBy::kNone, check_gdb},
  };
  return kChecks;
}

Result<void> check_before_campaign(const Host& host, bool default_image, std::span<const Check> checks) {
  std::string missing;
  std::string remedies;
  for (const Check& check : checks) {
    if (check.needed_by == NeededBy::kNone) continue;
    if (check.needed_by == NeededBy::kDefaultImage && !default_image) continue;
    const Finding finding = check.look(host);
    if (finding.state != State::kMissing) continue;
    missing += (missing.empty() ? "" : "\n  ") + std::string(check.name) + ": " + finding.found;
    remedies += (remedies.empty() ? "" : "; ") + finding.remedy;
  }
  if (missing.empty()) return {};
  return Error(ErrorKind::kUnfit, "this host cannot run guests\n  " + missing).advise(remedies);
}

}  // namespace snaphammer::doctor
