#include "harness/engine/testing/scripted_run.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/engine/environment.h"
#include "harness/engine/run_outcome.h"
#include "harness/scenario/step_registration.h"
#include "lib/base/child_process.h"
#include "lib/base/unique_fd.h"
#include "lib/vmm/accel_probe.h"

namespace snaphammer::engine {
namespace {

struct Act {
  std::string as;
};
void describe(scenario::Fields<Act>& fields) {
  fields.add("as", &Act::as, "What the run does.");
  fields.shorthand("as");
}
// Makes the step available; scripted runs read their steps as data.
Async<void> execute(const Act&, RunContext&) { co_return Result<void>(); }
const scenario::StepRegistration<Act> registration{"act", "Does what a test wants.", "act: pass"};

// A process that nobody waits for: its parent is gone at once. Returns when it runs its own program, with its own
// environment: the pipe's last writer is closed then.
void start_daemon(bool marked) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = ::fork();
  if (child != 0) {
    writer.reset();
    char nothing = 0;
    [[maybe_unused]] const ssize_t end = ::read(reader.get(), &nothing, 1);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED);
    return;
  }
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  const char* const argv[] = {"sleep", "1000", nullptr};
  const char* const no_environment[] = {nullptr};
  ::execve("/bin/sleep", const_cast<char* const*>(argv), marked ? ::environ : const_cast<char* const*>(no_environment));
  ::_exit(127);
}

// Of processor time: however slow the host is.
void burn_in_child() {
  const pid_t child = ::fork();
  if (child == 0) {
    while (std::clock() < CLOCKS_PER_SEC / 20) {
    }
    ::_exit(0);
  }
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED);
}

void announce() {
  const std::string fifo = Environment::of_this_process().get("SCRIPTED_FIFO");
  std::ofstream(fifo) << ::getpid() << std::endl;
}

void listen() {
  std::string line;
  std::ifstream fifo(Environment::of_this_process().get("SCRIPTED_FIFO"));
  std::getline(fifo, line);
}

void fail(report::RunResult& result, report::Finding finding) {
  result.verdict = report::Verdict::kFail;
  result.message = finding.id + ": " + finding.message;
  result.findings.push_back(std::move(finding));
}

Async<void> act(const std::string& as, const RunPaths& paths, report::RunResult& result,
                std::vector<ChildProcess>& children) {
  if (as == "fail") {
    fail(result,
         {.id = "stale-page", .oracle = "script", .message = "as told", .count = 3, .evidence = {{"address", 4096}}});
  } else if (as == "fail_first" && result.id.find(".retry") == std::string::npos) {
    fail(result, {.id = "hang", .oracle = "script", .message = "this time", .count = 1, .evidence = {}});
  } else if (as == "unfit") {
    co_return Error(ErrorKind::kUnfit, "this host lacks something").advise("get it");
  } else if (as == "skip") {
    result.verdict = report::Verdict::kSkipped;
    result.message = "the backend lacks something";
  } else if (as == "abort") {
    std::cerr << "about to abort\n";
    std::abort();
  } else if (as == "exit") {
    ::_exit(7);
  } else if (as == "throw") {
    throw std::runtime_error("thrown by a script");
  } else if (as == "garbage") {
    std::ofstream(paths.result()) << "{\"id\": 4";
    ::_exit(0);
  } else if (as == "wrong_run") {
    result.id = "another";
  } else if (as == "hang") {
    while (true) ::pause();
  } else if (as == "wait") {
    CO_SNAP_TRY(co_await wait_for(std::chrono::hours(1)));
  } else if (as == "child") {
    const SpawnOptions options{.argv = {"sleep", "1000"}};
    CO_SNAP_ASSIGN(ChildProcess child, ChildProcess::spawn(options));
    children.push_back(std::move(child));
  } else if (as == "leave_child" || as == "leave_unmarked_child") {
    start_daemon(as == "leave_child");
  } else if (as == "burn") {
    burn_in_child();
  } else if (as == "note") {
    std::ofstream(Environment::of_this_process().get("SCRIPTED_NOTES"), std::ios::app) << result.id + "\n";
  } else if (as == "choose_accel") {
    CO_SNAP_ASSIGN(const vmm::AccelChoice choice, vmm::choose_accel(vmm::Accel::kAuto));
    result.accel_reason = choice.reason;
  } else if (as == "announce") {
    announce();
  } else if (as == "listen") {
    listen();
  } else if (as != "pass" && as != "fail_first") {
    co_return Error(ErrorKind::kInvalid, "no such act: " + as);
  }
  co_return Result<void>();
}

}  // namespace

Async<report::RunResult> execute_scripted_run(scenario::RunPlan plan, RunPaths paths, RunEvents events) {
  report::RunResult result = blank_result(plan);
  result.verdict = report::Verdict::kPass;
  result.guest_kernel = "none";
  std::vector<ChildProcess> children;
  for (const auto& step : plan.scenario->steps) {
    const nlohmann::json options = step->options();
    const std::string as = options.is_string() ? options.get<std::string>() : options.at("as").get<std::string>();
    events.phase(as);
    CO_SNAP_TRY(co_await act(as, paths, result, children));
  }
  co_return result;
}

std::string scripted_scenario(const std::string& name, const std::vector<std::string>& acts, const std::string& more) {
  std::string text = "version: 1\nname: " + name + "\nsummary: A script.\n" + more + "steps:\n";
  for (const std::string& as : acts) text += "  - act: " + as + "\n";
  return text;
}

}  // namespace snaphammer::engine
