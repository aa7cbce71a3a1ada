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
      Check{"QEMU", true, check_qemu},
      Check{"accelerator", false, check_accelerator},
      Check{"interposer", true, check_interposer},
      Check{"guest image", true, check_guest_image},
      Check{"userfaultfd", true, check_userfaultfd},
      Check{"memfd", true, check_memfd},
      Check{"memory", false, check_memory},
      Check{"huge pages", false, check_huge_pages},
      Check{"open files", false, check_open_files},
      Check{"processes", false, check_processes},
      Check{"space for results", true, check_results_space},
      Check{"space for caches", true, check_cache_space},
      Check{"space for sockets", true, check_runtime_space},
      Check{"gdb", false, check_gdb},
  };
  return kChecks;
}

Result<void> check_before_campaign(const Host& host, std::span<const Check> checks) {
  std::string missing;
  std::string remedies;
  for (const Check& check : checks) {
    if (!check.required) continue;
    const Finding finding = check.look(host);
    if (finding.state != State::kMissing) continue;
    missing += (missing.empty() ? "" : "\n  ") + std::string(check.name) + ": " + finding.found;
    remedies += (remedies.empty() ? "" : "; ") + finding.remedy;
  }
  if (missing.empty()) return {};
  return Error(ErrorKind::kUnfit, "this host cannot run guests\n  " + missing).advise(remedies);
}

}  // namespace snaphammer::doctor
