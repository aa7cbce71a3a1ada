// Looks at a guest that hangs before it is ended, and leaves what it saw in a file.
//
//   const report::Finding* finding = hang_among(findings);
//   HangQuestion question{sandbox, symbols, boot_id, artifacts / kHangFile, finding->message};
//   const std::optional<std::string> where = co_await diagnose_hang(std::move(question));
//
// The file's first line says where it hung. Below are: the page faults that wait and what the page server did last;
// each vCPU's registers and the function that it is in; the threads of VMM, page-fault handler and worker in the host's
// kernel; the guest's own list of its tasks, where its agent still answers; the end of its console; and the user stacks
// of VMM and handler, where a debugger is installed and would not hang too. They stand still while it looks.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/engine/guest_symbols.h"
#include "harness/report/results.h"
#include "lib/base/async.h"
#include "lib/sandbox/sandbox.h"

namespace snaphammer::engine {

inline constexpr const char* kHangFile = "hang.txt";

/// The key of a finding's evidence under which a clone is named that it is about.
inline constexpr const char* kOfClone = "clone";

/// The key under which it says how a command ended, though wrongly: the guest answered, so nothing hung.
inline constexpr const char* kCommandEnded = "ended";

/// The keys under which a finding says where the guest hung, and in which file of the run's the rest is.
inline constexpr const char* kWhere = "where";
inline constexpr const char* kDiagnosis = "diagnosis";

/// Whether it says that the run's own guest did not answer in time. `finding` is a folded one, as in a FindingLog.
bool says_no_answer(const report::Finding& finding);

/// The one that says why, otherwise the first of them; null when there is none.
const report::Finding* hang_among(const std::vector<report::Finding>& findings);

struct HangQuestion {
  sandbox::Sandbox& sandbox;
  GuestSymbols& symbols;
  std::string boot;  ///< The id of the guest's boot, by which its kernel's functions are known; may be empty.
  std::filesystem::path file;
  std::string finding;  ///< What was found, for the file.
};

/// Returns where_it_hung(); nothing, and no file, when no guest is there any more. Bounded to 15 s; what could not be
/// seen until then is missing from the file. The guest may end meanwhile.
Awaitable<std::optional<std::string>> diagnose_hang(HangQuestion question);

}  // namespace snaphammer::engine
