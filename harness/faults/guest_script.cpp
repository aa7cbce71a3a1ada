#include "harness/faults/guest_script.h"

#include <utility>

#include <fmt/format.h>

namespace snaphammer::faults {

Async<void> run_in_guest(engine::RunContext& run, std::string script, Duration limit) {
  sandbox::Incarnation* const guest = run.sandbox().incarnation();
  if (guest == nullptr || !guest->has_door()) {
    co_return Error(ErrorKind::kUnavailable, "there is no guest").advise("inject it after a boot or a restore");
  }
  agent::ExecRequest request;
  request.id = fmt::format("fault-{}", SteadyClock::now().time_since_epoch().count());
  request.command = {"sh", "-ec", std::move(script)};
  request.timeout = limit;
  CO_SNAP_ASSIGN(const agent::ExecResult done, co_await guest->unless_failed(guest->client().exec(std::move(request))));
  if (done.success()) co_return Result<void>();
  co_return Error(ErrorKind::kUnavailable,
                  fmt::format("a script in the guest {}: {}{}", done.end.describe(), done.error_output, done.error));
}

}  // namespace snaphammer::faults
