// What this host can do, what is missing, what that costs, and how to get it.
//
//   const Host host = Host::real(installation, caches, runtime_base, out);
//   for (const Check& check : all_checks()) {
//     const Finding finding = check.look(host);
//     ...
//   }
//
// A check is one function and one line in the list in check.cpp. It looks at the host through Host
// only, so a test can show it a host where anything is missing. A check takes milliseconds, the
// accelerator's up to some seconds; all on the caller's thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/statvfs.h>

#include "harness/engine/caches.h"
#include "harness/engine/environment.h"
#include "harness/engine/installation.h"
#include "lib/base/result.h"
#include "lib/base/units.h"
#include "lib/vmm/accel_probe.h"

namespace snaphammer::doctor {

enum class State {
  kGood,
  kLimited,  ///< Works, with the consequence named.
  kMissing,  ///< Something that some or all runs need is not there.
};
std::string_view name_of(State state);

/// What one check found. `consequence` and `remedy` are empty when the state is good.
struct Finding {
  State state = State::kGood;
  std::string found;
  std::string consequence = {};
  std::string remedy = {};
};

/// The ways to get a userfaultfd, the most able first.
enum class UffdWay {
  kSyscall,   ///< userfaultfd(2), also for faults in the kernel: privileged, or by sysctl.
  kDevice,    ///< /dev/userfaultfd: for whoever may open it.
  kUserMode,  ///< userfaultfd(2) with UFFD_USER_MODE_ONLY: for everyone.
};

/// The host as checks see it.
struct Host {
  engine::Environment environment;
  engine::Installation installation;
  engine::Caches caches;
  std::filesystem::path runtime;     ///< Where campaigns' runtime directories are.
  std::filesystem::path out;         ///< Where a campaign's results go; need not exist yet.
  std::filesystem::path root = "/";  ///< proc/, sys/ are looked for below it.

  /// Runs a program (found in PATH) and returns its standard output; an error when it is missing or
  /// fails.
  std::function<Result<std::string>(const std::vector<std::string>& argv)> output_of;
  /// Opens a userfaultfd that way, and closes it again.
  std::function<Result<void>(UffdWay way)> open_userfaultfd;
  std::function<Result<void>()> open_memfd;
  /// Bytes that this user can still write below a directory (or where it would be made).
  std::function<Result<ByteCount>(const std::filesystem::path& directory)> free_space;
  /// The limit of open files: what is in force, and what it can be raised to.
  std::function<std::pair<std::uint64_t, std::uint64_t>()> open_files_limit;
  /// Which accelerator `accel: auto` means here, and why.
  std::function<Result<vmm::AccelChoice>()> probe_accel;

  /// This host.
  static Host real(engine::Installation installation, engine::Caches caches, std::filesystem::path runtime,
                   std::filesystem::path out);
};

/// Which runs cannot be without it. `run` looks at what its runs need before it starts anything.
enum class NeededBy { kEveryRun, kDefaultImage, kNone };

struct Check {
  std::string_view name;
  NeededBy needed_by;
  Finding (*look)(const Host& host);
};

/// In the order in which `doctor` shows them.
std::span<const Check> all_checks();

/// Whether a campaign can start: kUnfit, with everything needed that is missing and its remedies, when it cannot.
/// `default_image`: some of its runs use Snaphammer's own guest image.
Result<void> check_before_campaign(const Host& host, bool default_image, std::span<const Check> checks = all_checks());

}  // namespace snaphammer::doctor
