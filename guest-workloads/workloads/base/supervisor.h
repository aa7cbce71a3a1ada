// Keeps a workload's voice when its own runtime brings it down: glibc aborts on a damaged heap, a wild pointer ends in
// SIGSEGV. The work is done in a child process that has the program's standard streams; when a signal of that kind ends
// it, the finding is written here, and further checks are answered here: failed.
//
//   int main() {
//     return supervise("heap-corruption", [](std::atomic<unsigned>& checks_waiting) {
//       Commands commands(STDIN_FILENO, output, {.checks_waiting = &checks_waiting});
//       ...
//     });
//   }
//
// To be called before any thread is started. The child dies with its supervisor.
#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace snaphammer::workload {

/// `finding`: the id of the finding. Returns the exit status of `work`; after a fatal signal, when `stop` or the end of the commands has come, 1.
int supervise(const std::string& finding, const std::function<int(std::atomic<unsigned>& checks_waiting)>& work);

}  // namespace snaphammer::workload
