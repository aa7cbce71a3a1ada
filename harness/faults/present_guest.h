// The guest that is there, for faults that act on it at once.
//
//   CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_door(run));
//   ...
//   static void follow(const Args&, Course& course) { needs_guest(course); }    // so that lint knows it, too
#pragma once

#include "harness/engine/run_context.h"
#include "harness/scenario/course.h"

namespace snaphammer::faults {

inline Result<sandbox::Incarnation*> guest_with_vmm(engine::RunContext& run) {
  sandbox::Incarnation* const guest = run.sandbox().incarnation();
  if (guest != nullptr && guest->has_vm()) return guest;
  return Error(ErrorKind::kUnavailable, "there is no guest").advise("inject it after a boot or a restore");
}

/// Its VMM runs already when there is a way to its vsock ports.
inline Result<sandbox::Incarnation*> guest_with_door(engine::RunContext& run) {
  SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_vmm(run));
  if (guest->has_door()) return guest;
  return Error(ErrorKind::kUnavailable, "nobody can reach the guest yet").advise("inject it later in the restore");
}

/// For the follow() of such a fault.
inline void needs_guest(scenario::Course& course) {
  course.needs({scenario::Guest::kRunning, scenario::Guest::kPaused});
}

/// The same of one whose programs must do something for it.
inline void needs_running_guest(scenario::Course& course) { course.needs({scenario::Guest::kRunning}); }

}  // namespace snaphammer::faults
