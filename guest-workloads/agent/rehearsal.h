// After a restore the first command is slow: its path through kernel and programs has to be paged in again and, under an
// emulator, translated again. A helper process runs an empty command as soon as the agent learns of the restore, on
// another CPU, while the agent and the host are still at their handshake; the first command that counts finds it done.
//
//   Rehearsal rehearsal(reaper);
//   rehearsal.begin();                 // from then on there is a helper
//   rehearsal.again();                 // after every transport reset
//
// The helper is this very program, started ahead so that asking it costs one write. Without it, when it cannot be started
// or was killed, nothing is rehearsed. One io_context thread.
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

  /// The helper's life: runs the empty command for each byte that comes on standard input, until its end.
  static int run_helper();

 private:
  Reaper& reaper_;
  Process helper_;
  std::shared_ptr<Child> child_;
};

}  // namespace snaphammer::guest
