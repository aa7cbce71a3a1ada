#include "guest-workloads/workloads/ticker/options.h"

namespace snaphammer::ticker {

workload::Arguments arguments_for(Options& options) {
  workload::Arguments arguments(
      "ticker",
      "Runs timers of several kinds, on the monotonic and on the wall clock, and compares the clocks with each other\n"
      "and with the hardware clock, which goes on while a guest is a snapshot. A timer may be late, and the wall "
      "clock\n"
      "be wrong or jump, only around a restore or when the host sets the clock: they show by a new generation or\n"
      "setting in the identity file, or by the wall clock being set forward.\n"
      "Findings: clock-skew.\n");
  arguments.time("period", options.period, "of each timer", {.low = 5, .high = 1000});
  arguments.time("late", options.late, "how late a timer may be", {.low = 1});
  arguments.time("skew", options.skew, "how far the wall clock may be off the hardware clock, or jump", {.low = 100});
  arguments.time("grace", options.grace, "how long before and after a restore nothing is said", {.low = 1});
  arguments.text("hardware-clock", options.hardware_clock, "file with the seconds since 1970; a missing one is none");
  arguments.text("identity", options.identity, "file that the agent writes at each restore; may be missing");
  arguments.number("seed", options.seed, "not used: nothing is random here");
  return arguments;
}

}  // namespace snaphammer::ticker
