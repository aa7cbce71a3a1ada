// A run without a guest: it does what its scenario's `act` steps say, for tests of everything around a run.
//
//   steps:
//     - act: leave_child
//     - act: crash
//
// Acts: pass, fail, fail_first (not when tried again), unfit, skip (the outcome) · abort, exit, throw, garbage, wrong_run (the worker goes wrong) · hang
// (deaf to SIGTERM), wait (for SIGTERM) · child (dies with the worker), leave_child, leave_unmarked_child (outlive it) ·
// burn (a child of the worker computes for 50 ms) · note (append the run's id to the file that SCRIPTED_NOTES names) · announce, listen (write, and read, a line through the FIFO that SCRIPTED_FIFO names; opening it waits for the other
// side; the line is the worker's pid).
#pragma once

#include "harness/engine/execute_run.h"

namespace snaphammer::engine {

Async<report::RunResult> execute_scripted_run(scenario::RunPlan plan, RunPaths paths, RunEvents events);

/// A scenario file with these acts. `more` is put in front of its steps: "timeout: 1s\n".
std::string scripted_scenario(const std::string& name, const std::vector<std::string>& acts,
                              const std::string& more = "");

}  // namespace snaphammer::engine
