// What was seen of a guest that hangs, and what to say of it in one line.
//
//   HangSight sight{.guest = HangSight::Guest::kRuns, .vcpus = {{.vcpu = 0, .halted = true, .place = "default_idle"}}};
//   where_it_hung(sight);    // "vCPU 0 is halted at default_idle; the agent did not answer within 2s"
//
// The line says what was seen, and nothing that was concluded from it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/units.h"
#include "lib/uffd/fault_queue.h"
#include "lib/uffd/trace.h"
#include "lib/uffd/userfaultfd.h"

namespace snaphammer::engine {

struct HangSight {
  enum class Guest {
    kEnded,       ///< There was nothing left to look at.
    kVmmStopped,  ///< Its VMM stands still, as by SIGSTOP.
    kPaused,      ///< Its vCPUs were stopped, by a step or a pause sequence.
    kRuns,
  };
  Guest guest = Guest::kEnded;
  /// Threads of the VMM that wait for a page in the kernel, by name: "CPU 0/TCG".
  std::vector<std::string> waiting_threads = {};
  /// Threads of the VMM that wait until the page-fault handler has taken note of memory that they discard.
  std::vector<std::string> discarding_threads = {};
  /// Nothing where nobody serves page faults.
  std::optional<uffd::WaitingFaults> waiting_faults = {};
  /// Faults that the page server has read and not resolved; unknown of a handler that is a program.
  std::vector<uffd::UnresolvedFault> unresolved = {};
  /// The last ones of the page server, oldest first.
  std::vector<uffd::TraceEvent> last_events = {};
  struct Vcpu {
    unsigned vcpu = 0;
    bool halted = false;
    std::string place;  ///< "default_idle+0xb", or an address.
  };
  /// None when the VMM did not answer.
  std::vector<Vcpu> vcpus = {};
  /// How long it took to answer; nothing when it did not.
  std::optional<Duration> agent_answered = {};
  Duration agent_asked{};        ///< How long an answer was waited for.
  std::string agent_error = {};  ///< Why none came, when it was not for the time.
};

std::string where_it_hung(const HangSight& sight);

}  // namespace snaphammer::engine
