#include "harness/engine/clones.h"

#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "lib/base/task_group.h"

namespace snaphammer::engine {
namespace {

constexpr Duration kDrawLimit = std::chrono::seconds(20);

constexpr std::size_t kDraws = 64;

// Right after it was healthy: 16 bytes a draw, in hexadecimal.
Async<Draw> draw_from(sandbox::Sandbox& guest, std::string name) {
  agent::ExecRequest request;
  // One read of 16 bytes is one step of the kernel's generator.
  request.command = {"sh", "-c",
                     fmt::format("dd if=/dev/urandom bs=16 count={} 2>/dev/null | od -An -v -tx1 -w16", kDraws)};
  request.timeout = kDrawLimit;
  CO_SNAP_ASSIGN(const agent::ExecResult done, co_await guest.exec(std::move(request)));
  Draw draw{.guest = std::move(name), .source = "/dev/urandom", .values = {}};
  std::istringstream lines(done.output);
  for (std::string line; std::getline(lines, line);) {
    std::erase(line, ' ');
    draw.values.push_back(std::move(line));
  }
  if (!done.success() || draw.values.size() != kDraws) {
    co_return Error(ErrorKind::kUnavailable, draw.guest + ": cannot draw random bytes: " + done.error_output);
  }
  co_return draw;
}

// What its workloads drew by themselves.
Async<void> ask_workloads(sandbox::Sandbox& guest, Clone& clone) {
  sandbox::Incarnation& incarnation = *guest.incarnation();
  CO_SNAP_ASSIGN(const std::vector<agent::WorkloadInfo> all,
                 co_await incarnation.unless_failed(incarnation.client().workloads()));
  const auto on_finding = [&clone](agent::Finding finding) { clone.findings.push_back(std::move(finding)); };
  for (const agent::WorkloadInfo& one : all) {
    if (one.workload != kDrawingWorkload || one.end.ended()) continue;
    CO_SNAP_ASSIGN(const agent::CheckReport verdict, co_await guest.check_workload(one.as, kDrawLimit, on_finding));
    std::vector<Draw> draws = draws_in(verdict.counters, clone.name, one.as);
    for (Draw& draw : draws) clone.draws.push_back(std::move(draw));
  }
  co_return Result<void>();
}

}  // namespace

Result<sandbox::Sandbox*> Clones::add() {
  const std::string name = fmt::format("clone-{}", guests_.size() + 1);
  const sandbox::SandboxPaths paths{.sockets = paths_.runtime / name, .logs = paths_.artifacts / name};
  for (const std::filesystem::path& directory : {paths.sockets, paths.logs}) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return errno_error("create " + directory.string(), error.value());
  }
  sandbox::SandboxConfig config = sources_.applied_to(config_, name);
  config.name = name;
  guests_.push_back(std::make_unique<sandbox::Sandbox>(executor_, backend_, std::move(config), paths));
  return guests_.back().get();
}

Awaitable<void> Clones::bring_up(sandbox::Sandbox& guest, const snapshot::Snapshot& from, Clone& clone) const {
  auto restored = co_await guest.restore(from);
  if (!restored) {
    clone.restored = tl::unexpected(restored.error());
    co_return;
  }
  clone.restored = co_await guest.await_healthy();
  if (!clone.restored) co_return;
  auto drawn = co_await draw_from(guest, clone.name);
  if (!drawn) {
    clone.restored = tl::unexpected(drawn.error());
    co_return;
  }
  clone.draws.push_back(*std::move(drawn));
  auto asked = co_await ask_workloads(guest, clone);
  if (!asked) clone.restored = tl::unexpected(asked.error());
}

Async<std::vector<Clone>> Clones::start(snapshot::Snapshot from, unsigned count) {
  std::vector<Clone> clones(count);
  TaskGroup tasks(executor_);
  for (Clone& clone : clones) {
    auto guest = add();
    if (!guest) {
      clone.restored = tl::unexpected(guest.error());
      continue;
    }
    clone.name = fmt::format("clone-{}", guests_.size());
    tasks.spawn(bring_up(**guest, from, clone));
  }
  co_await tasks.wait_idle();
  co_return clones;
}

Awaitable<void> Clones::end() {
  for (const auto& guest : guests_) co_await guest->end();
  guests_.clear();
}

}  // namespace snaphammer::engine
