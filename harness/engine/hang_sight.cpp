#include "harness/engine/hang_sight.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace snaphammer::engine {
namespace {

// QEMU calls the thread of a vCPU "CPU 0/TCG" or "CPU 0/KVM".
std::string name_of_thread(const std::string& thread) {
  constexpr std::string_view kVcpu = "CPU ";
  const std::string number = thread.substr(0, thread.find('/'));
  if (number.starts_with(kVcpu)) return "vCPU " + number.substr(kVcpu.size());
  return fmt::format("the VMM's thread '{}'", thread);
}

std::string seconds(Duration duration) { return fmt::format("{:.1f} s", to_ms(duration) / 1000); }

bool waits_for_page(const HangSight& sight) {
  return !sight.waiting_threads.empty() || !sight.unresolved.empty() ||
         (sight.waiting_faults && sight.waiting_faults->all > 0);
}

// "vCPU 0 and vCPU 1 wait".
std::string who_waits(const std::vector<std::string>& threads) {
  std::vector<std::string> who;
  for (const std::string& thread : threads) who.push_back(name_of_thread(thread));
  if (who.empty()) who.emplace_back("a thread of the VMM");
  return fmt::format("{} {}", fmt::join(who, " and "), who.size() == 1 ? "waits" : "wait");
}

std::string discard_wait(const HangSight& sight) {
  return who_waits(sight.discarding_threads) +
         " for the page-fault handler to take note of memory that is discarded (REMOVE)";
}

std::string page_wait(const HangSight& sight) {
  std::string line = who_waits(sight.waiting_threads) + " for a page";
  const auto older = [](const uffd::UnresolvedFault& a, const uffd::UnresolvedFault& b) { return a.age < b.age; };
  const auto oldest = std::max_element(sight.unresolved.begin(), sight.unresolved.end(), older);
  if (oldest != sight.unresolved.end()) {
    line += fmt::format(": the page server read the fault at {:#x} of the VMM {} ago and has not resolved it",
                        oldest->address, seconds(oldest->age));
    if (oldest->error) line += " (" + oldest->error->describe() + ")";
  }
  if (sight.waiting_faults && sight.waiting_faults->unread > 0) {
    const std::uint64_t unread = sight.waiting_faults->unread;
    line += fmt::format("; {} {} for the page-fault handler to read {}", unread,
                        unread == 1 ? "fault waits" : "faults wait", unread == 1 ? "it" : "them");
  }
  return line;
}

std::string last_event(const HangSight& sight) {
  if (sight.last_events.empty()) return {};
  const uffd::TraceEvent& last = sight.last_events.back();
  return fmt::format("; the page server's last event is {} of {} bytes at {:#x}", uffd::name_of(last.kind),
                     last.extent.length, last.extent.offset);
}

std::string vcpu_places(const HangSight& sight) {
  if (sight.vcpus.empty()) return "the VMM's monitor did not answer";
  std::vector<std::string> places;
  for (const HangSight::Vcpu& vcpu : sight.vcpus) {
    places.push_back(fmt::format("vCPU {} is {}at {}", vcpu.vcpu, vcpu.halted ? "halted " : "", vcpu.place));
  }
  return fmt::format("{}", fmt::join(places, ", "));
}

std::string agent_answer(const HangSight& sight) {
  if (sight.agent_answered) return "the agent answered after " + seconds(*sight.agent_answered);
  if (!sight.agent_error.empty()) return "the agent could not be asked: " + sight.agent_error;
  return "the agent did not answer within " + format_duration(sight.agent_asked);
}

}  // namespace

std::string where_it_hung(const HangSight& sight) {
  if (sight.guest == HangSight::Guest::kEnded) return "the guest had ended before it could be looked at";
  if (sight.guest == HangSight::Guest::kVmmStopped) return "the VMM stands still, stopped by a signal";
  if (!sight.discarding_threads.empty()) {
    return discard_wait(sight) + (waits_for_page(sight) ? "; " + page_wait(sight) : "") + last_event(sight);
  }
  if (waits_for_page(sight)) return page_wait(sight) + last_event(sight);
  if (sight.guest == HangSight::Guest::kPaused) return "the vCPUs are stopped; " + vcpu_places(sight);
  return vcpu_places(sight) + "; " + agent_answer(sight);
}

}  // namespace snaphammer::engine
