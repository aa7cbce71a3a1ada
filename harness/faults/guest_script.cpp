#include "harness/faults/guest_script.h"

#include <utility>

#include <fmt/format.h>

#include "harness/faults/present_guest.h"

namespace snaphammer::faults {

Async<void> run_in_guest(engine::RunContext& run, std::string script, Duration limit) {
  CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_door(run));
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
