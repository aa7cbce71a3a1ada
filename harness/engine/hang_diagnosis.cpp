#include "harness/engine/hang_diagnosis.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "harness/engine/hang_sight.h"
#include "harness/engine/host_stacks.h"
#include "harness/engine/unserved_memory.h"
#include "harness/oracles/faulting_threads.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::array kFindings = {"hang", "unhealthy", "exec-timeout"};

constexpr Duration kLongest = 15s;
constexpr Duration kAgentAnswer = 2s;
constexpr Duration kSymbols = 5s;
constexpr Duration kTasks = 4s;
constexpr Duration kUserStacks = 8s;
constexpr std::size_t kEvents = 16;
constexpr std::streamoff kConsoleTail = 8192;

std::string program_of(const Process& process) { return process.command.substr(0, process.command.find(' ')); }

std::string tail_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return {};
  in.seekg(std::max<std::streamoff>(0, in.tellg() - std::streampos(kConsoleTail)));
  return {std::istreambuf_iterator<char>(in), {}};
}

// "default_idle+0xb"; of what has no name, whose it is.
std::string place_of(std::uint64_t address, const GuestSymbols& symbols) {
  std::string name = symbols.describe(address, {});
  if (!name.starts_with("0x")) return name;
  const bool in_kernel = (address >> 63) != 0;  // Its half of the address space (x86-64).
  return name + (in_kernel ? " of the kernel" : " of a process");
}

class HangDiagnosis {
 public:
  explicit HangDiagnosis(HangQuestion question)
      : question_(std::move(question)), seen_first_(question_.sandbox.incarnation()) {}

  // Each look after the one before it: what disturbs the guest comes last.
  Async<void> look() {
    look_at_host();
    look_at_faults();
    co_await look_at_vcpus();
    if (sight_.guest == HangSight::Guest::kRuns) co_await look_into_guest();
    co_await name_places();
    write();
    std::vector<Process> debugged = std::move(debugged_);
    co_await append_user_stacks(std::move(debugged), kUserStacks, question_.file);
    co_return Result<void>();
  }

  // All that was seen so far.
  void write() {
    if (written_) return;
    written_ = true;
    std::ofstream out(question_.file);
    out << where_it_hung(sight_) << "\n\nfinding: " << question_.finding << "\n";
    out << "\n== page faults that wait ==\n" << faults_;
    out << "\n== vCPUs ==\n" << vcpus_;
    out << "\n== threads on the host ==\n" << threads_;
    out << "\n== tasks of the guest ==\n" << tasks_;
    out << "\n== end of the console ==\n" << tail_of(question_.sandbox.paths().console_log());
    out << "\n== user stacks on the host ==\n";
  }

  std::string where() const { return where_it_hung(sight_); }

 private:
  // Null once it has ended or failed: another step may have seen to that.
  sandbox::Incarnation* guest() {
    sandbox::Incarnation* const now = question_.sandbox.incarnation();
    return now != nullptr && now == seen_first_ && now->has_vm() && !now->failure() ? now : nullptr;
  }

  void look_at_host() {
    const pid_t vmm = guest() != nullptr ? guest()->vm().pid() : -1;
    std::vector<Process> children =
        processes_where([](const Process& process) { return process.parent == ::getpid(); });
    std::partition(children.begin(), children.end(), [vmm](const Process& process) { return process.pid == vmm; });
    if (vmm != -1) sight_.guest = HangSight::Guest::kRuns;
    if (question_.sandbox.state() == sandbox::State::kPaused && vmm != -1) sight_.guest = HangSight::Guest::kPaused;
    std::ostringstream text;
    for (Process& child : children) {
      if (child.pid == vmm && child.is_stopped()) sight_.guest = HangSight::Guest::kVmmStopped;
      write_kernel_side(child, text);
      // Other VMMs were started ahead, or are clones.
      const bool other_vmm =
          child.pid != vmm && !debugged_.empty() && program_of(child) == program_of(debugged_.front());
      if (vmm != -1 && !other_vmm) debugged_.push_back(std::move(child));
    }
    Process self;
    self.pid = ::getpid();
    self.command = "this run's worker, with its page server";
    write_kernel_side(self, text);
    threads_ = text.str();
  }

  void look_at_faults() {
    if (guest() == nullptr) return;
    for (const auto& [id, thread] : oracles::faulting_threads(guest()->vm().pid())) {
      sight_.waiting_threads.push_back(thread.name);
      faults_ += fmt::format("thread {} '{}' waits for a page\n", id, thread.name);
    }
    for (const auto& [id, thread] : oracles::discarding_threads(guest()->vm().pid())) {
      sight_.discarding_threads.push_back(thread.name);
      faults_ += fmt::format("thread {} '{}' waits for the handler to take note of a REMOVE\n", id, thread.name);
    }
    if (guest()->handler() == nullptr) {
      faults_ += "nobody serves this guest's page faults: it was not restored\n";
      return;
    }
    if (auto waiting = guest()->handler()->waiting_faults()) {
      sight_.waiting_faults = *waiting;
      faults_ += fmt::format("by the kernel's count {} wait, {} of them unread\n", waiting->all, waiting->unread);
    } else {
      faults_ += waiting.error().describe() + "\n";
    }
    if (uffd::PageServer* const server = guest()->page_server()) look_at_page_server(*server);
  }

  void look_at_page_server(const uffd::PageServer& server) {
    sight_.unresolved = server.unresolved_faults(Duration(0));
    for (const uffd::UnresolvedFault& fault : sight_.unresolved) {
      faults_ += fmt::format("read {:.0f} ms ago and not resolved: {:#x} of the VMM{}\n", to_ms(fault.age),
                             fault.address, fault.error ? "; " + fault.error->describe() : "");
    }
    const std::vector<uffd::TraceEvent> all = server.trace();
    const std::size_t shown = std::min(all.size(), kEvents);
    sight_.last_events.assign(all.end() - static_cast<std::ptrdiff_t>(shown), all.end());
    const TimePoint now = SteadyClock::now();
    faults_ += "last events of the page server:\n";
    for (const uffd::TraceEvent& event : sight_.last_events) {
      faults_ += fmt::format("  {:.1f} ms ago: {} of {} bytes at {:#x}\n", to_ms(now - event.at),
                             uffd::name_of(event.kind), event.extent.length, event.extent.offset);
    }
  }

  Awaitable<void> look_at_vcpus() {
    if (guest() == nullptr || sight_.guest == HangSight::Guest::kVmmStopped) co_return;
    Async<std::vector<vmm::VcpuGlance>> glance = guest()->vm().glance();
    auto seen = co_await guest()->unless_failed(std::move(glance));
    if (seen) {
      glances_ = *std::move(seen);
    } else {
      vcpus_ = seen.error().describe() + "\n";
    }
  }

  Awaitable<void> look_into_guest() {
    if (guest() == nullptr || !guest()->has_door()) co_return;
    const TimePoint asked = SteadyClock::now();
    sight_.agent_asked = kAgentAnswer;
    Async<agent::HealthReport> health = guest()->unless_failed(guest()->client().health());
    const auto answer = co_await with_deadline(kAgentAnswer, "the agent", std::move(health));
    if (!answer) {
      tasks_ = answer.error().describe() + "\n";
      if (answer.error().kind() != ErrorKind::kTimeout) sight_.agent_error = answer.error().message();
      co_return;
    }
    sight_.agent_answered = SteadyClock::now() - asked;
    if (guest() == nullptr) co_return;
    agent::ExecRequest request;
    request.id = "hang-diagnosis";
    request.command = {"sh", "-c", "echo t >/proc/sysrq-trigger; exec dmesg"};
    request.timeout = kTasks;
    Async<agent::ExecResult> exec = guest()->unless_failed(guest()->client().exec(std::move(request)));
    auto dumped = co_await with_deadline(kTasks, "sysrq t in the guest", std::move(exec));
    if (!dumped) {
      tasks_ = dumped.error().describe() + "\n";
      co_return;
    }
    const std::size_t begin = dumped->output.rfind("sysrq: Show State");
    tasks_ = dumped->output.substr(begin == std::string::npos ? 0 : begin) + dumped->error_output;
  }

  Awaitable<void> name_places() {
    const bool known = question_.symbols.recall_kernel(question_.boot).has_value();
    if (!known && sight_.agent_answered && guest() != nullptr) {
      Async<void> learning = question_.symbols.learn_kernel(question_.sandbox);
      static_cast<void>(co_await with_deadline(kSymbols, "the kernel's symbols", std::move(learning)));
    }
    for (const vmm::VcpuGlance& vcpu : glances_) {
      const std::string place = place_of(vcpu.rip, question_.symbols);
      sight_.vcpus.push_back({.vcpu = vcpu.vcpu, .halted = vcpu.halted, .place = place});
      vcpus_ += fmt::format("vCPU {}{} at {}\n{}\n", vcpu.vcpu, vcpu.halted ? ", halted," : "", place, vcpu.registers);
    }
  }

  HangQuestion question_;
  const sandbox::Incarnation* const seen_first_;  // Never followed: it may be no more.
  HangSight sight_;
  std::vector<vmm::VcpuGlance> glances_;
  std::vector<Process> debugged_;
  std::string faults_;
  std::string vcpus_;
  std::string threads_;
  std::string tasks_;
  bool written_ = false;
};

}  // namespace

bool says_no_answer(const report::Finding& finding) {
  const nlohmann::json& examples = finding.evidence.at("examples");
  return std::find(kFindings.begin(), kFindings.end(), finding.id) != kFindings.end() &&
         std::none_of(examples.begin(), examples.end(), [](const nlohmann::json& example) {
           return example.contains(kOfClone) || example.contains(kCommandEnded);
         });
}

const report::Finding* hang_among(const std::vector<report::Finding>& findings) {
  const auto says_why = [](const report::Finding& finding) { return finding.oracle == kUnresolvedFaults; };
  auto found = std::find_if(findings.begin(), findings.end(), says_why);
  if (found == findings.end()) found = std::find_if(findings.begin(), findings.end(), says_no_answer);
  return found == findings.end() ? nullptr : &*found;
}

Awaitable<std::optional<std::string>> diagnose_hang(HangQuestion question) {
  const sandbox::Incarnation* const guest = question.sandbox.incarnation();
  if (guest == nullptr || !guest->has_vm() || guest->failure()) co_return std::nullopt;
  HangDiagnosis diagnosis(std::move(question));
  Async<void> looking = diagnosis.look();
  static_cast<void>(co_await with_deadline(kLongest, "diagnosis of a hang", std::move(looking)));
  diagnosis.write();
  co_return diagnosis.where();
}

}  // namespace snaphammer::engine
