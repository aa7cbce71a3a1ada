#include "harness/oracles/faulting_threads.h"

#include <string_view>

#include "lib/base/host_threads.h"

namespace snaphammer::oracles {
namespace {

// Where threads sleep in the kernel (fs/userfaultfd.c).
constexpr std::string_view kFault = "handle_userfault";
constexpr std::string_view kEvent = "userfaultfd_event_wait_completion";

FaultingThreads threads_in(pid_t process, std::string_view function) {
  FaultingThreads threads;
  for (HostThread& thread : host_threads(process)) {
    if (thread.sleeps_in != function) continue;
    threads[thread.id] = {.name = std::move(thread.name), .switches = thread.switches};
  }
  return threads;
}

}  // namespace

FaultingThreads faulting_threads(pid_t process) { return threads_in(process, kFault); }

FaultingThreads discarding_threads(pid_t process) { return threads_in(process, kEvent); }

FaultingThreads still_waiting(const FaultingThreads& before, const FaultingThreads& now) {
  FaultingThreads same;
  for (const auto& [id, thread] : before) {
    const auto found = now.find(id);
    if (found != now.end() && found->second == thread) same.emplace(id, thread);
  }
  return same;
}

}  // namespace snaphammer::oracles
