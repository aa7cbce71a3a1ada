// After a restore whatever is done for the first time is slow: its path through kernel and programs has to be paged in
// again and, under an emulator, translated again. A helper process does what is about to be asked of the agent (an init, a
// look at the listening ports, an empty command) as soon as the agent learns of the restore, on another CPU, while agent
// and host are still at their handshake. What counts then finds its way made; the helper is the same program, so even the
// agent's own code.
//
//   Rehearsal rehearsal(reaper);
//   rehearsal.begin();                 // from then on there is a helper
//   rehearsal.again();                 // after every transport reset
//
// The helper is started ahead, so that asking it costs one write. It changes nothing in the guest but a file of its own.
// Without it, when it cannot be started or was killed, nothing is rehearsed. One io_context thread.
#pragma once

#include <memory>
#include <string_view>

#include "guest-workloads/agent/process.h"
#include "guest-workloads/agent/reaper.h"

namespace snaphammer::guest {

class Rehearsal {
 public:
  /// The argument by which this program becomes the helper.
  static constexpr std::string_view kHelper = "--rehearse";

  explicit Rehearsal(Reaper& reaper) : reaper_(reaper) {}

  Result<void> begin();
  /// Never blocks; while one is under way, nothing.
  void again();

  /// The helper's life: rehearses for each byte that comes on standard input, until its end.
  static int run_helper();

 private:
  Reaper& reaper_;
  Process helper_;
  std::shared_ptr<Child> child_;
};

}  // namespace snaphammer::guest
