// agent.stall
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "harness/faults/fault.h"
#include "harness/faults/guest_script.h"
#include "harness/faults/present_guest.h"
#include "lib/base/task_group.h"

namespace snaphammer::faults {
namespace {

using namespace std::chrono_literals;

struct StallFor {
  Duration by = 3s;
};
void describe(Fields<StallFor>& fields) {
  fields.add("by", &StallFor::by, "How long, in the guest's time.").between(1ms, 10s);
}

constexpr Duration kBeginLimit = 20s;
constexpr Duration kLook = 5ms;
constexpr char kStalled[] = "snaphammer: the agent stands still";

// An init ignores SIGSTOP, and SIGKILL. The kernel's freezer for control groups (Documentation/admin-guide/cgroup-v2.rst,
// cgroup.freeze) spares nobody: the script, which is in another group, moves the agent into one and freezes that.
// Whatever comes for the agent waits in the kernel. The console tells, which needs no agent.
constexpr char kScript[] = R"(
root=/sys/fs/cgroup
grep -q " $root cgroup2 " /proc/mounts || mount -t cgroup2 none $root
group=$root/stalled
mkdir -p $group
echo 1 > $group/cgroup.procs
echo 1 > $group/cgroup.freeze
until grep -q 'frozen 1' $group/cgroup.events; do :; done
echo '{}' > /dev/console
sleep {:.3f}
echo 0 > $group/cgroup.freeze
echo 1 > $root/cgroup.procs
)";

class Stall final : public FaultWith<StallFor> {
 public:
  using FaultWith::FaultWith;
  static void follow(const StallFor&, Course& course) { needs_running_guest(course); }

  Async<void> begin(engine::RunContext& run) override {
    const auto executor = co_await asio::this_coro::executor;
    tasks_.emplace(executor);
    const std::filesystem::path console = run.sandbox().paths().console_log();
    std::error_code none_yet;
    const auto before = std::filesystem::file_size(console, none_yet);
    tasks_->spawn(stall(run));
    auto begun = co_await with_deadline(kBeginLimit, "stall the agent", stands_still(console, none_yet ? 0 : before));
    if (begun) act();
    co_return begun;
  }
  /// It goes on by itself; nobody could tell it to.
  Async<void> heal(engine::RunContext&) override {
    if (tasks_) co_await tasks_->wait_idle();
    co_return Result<void>();
  }

 private:
  Awaitable<void> stall(engine::RunContext& run) {
    const double seconds = std::chrono::duration<double>(args().by).count();
    auto done = co_await run_in_guest(run, fmt::format(kScript, kStalled, seconds), args().by + kBeginLimit);
    if (!done) failed_ = done.error();
  }

  Async<void> stands_still(std::filesystem::path console, std::uintmax_t from) {
    while (!failed_) {
      std::ifstream log(console);
      log.seekg(static_cast<std::streamoff>(from));
      const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
      if (text.find(kStalled) != std::string::npos) co_return Result<void>();
      CO_SNAP_TRY(co_await wait_for(kLook));
    }
    co_return *failed_;
  }

  std::optional<TaskGroup> tasks_;
  std::optional<Error> failed_;
};

const FaultRegistration<Stall> registration{"agent.stall",
                                            "The agent's process stands still; the guest's kernel does not.",
                                            "agent.stall, args: {by: 3s}", "none before its time; then it goes on"};

}  // namespace
}  // namespace snaphammer::faults
