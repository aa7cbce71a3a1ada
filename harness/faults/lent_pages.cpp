#include "harness/faults/lent_pages.h"

#include <utility>

#include <fmt/format.h>

#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

// A workload may have to come to its next round first, and each page may wait for its turn in a slow guest.
constexpr Duration kAnswerLimit = std::chrono::seconds(60);

Error not_answered(engine::RunContext& run, const Error& error) {
  const bool is_cut = error.kind() == ErrorKind::kGone && !run.faults().is_at_point();
  return is_cut ? run.fail("connection-lost", error) : error;
}

}  // namespace

void needs_lender(const std::string& workload, scenario::Course& course) {
  needs_running_guest(course);
  course.needs_workload(workload);
}

Async<LentPages> borrow_pages(engine::RunContext& run, std::string workload, std::uint64_t count) {
  // A guest that comes up loses what it was asked before its transport was reset. A sequence that has come to the fault's
  // point would wait for itself.
  if (!run.faults().is_at_point()) CO_SNAP_TRY(co_await run.await_up());
  CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_door(run));
  auto asked = guest->client().set_aside(workload, {.pages = count, .timeout = kAnswerLimit});
  auto set_aside = co_await guest->unless_failed(std::move(asked));
  if (!set_aside) co_return not_answered(run, set_aside.error());
  LentPages lent{.guest = guest, .workload = std::move(workload), .pages = {}};
  for (const std::uint64_t address : set_aside->addresses) {
    const std::optional<ByteCount> offset = guest->vm().ram_offset(address);
    if (!offset) {
      co_return Error(
          ErrorKind::kInvalid,
          fmt::format("workload {} set a page aside at {:#x}, where the guest has no RAM", lent.workload, address));
    }
    lent.pages.push_back(*offset);
  }
  co_return lent;
}

Async<void> return_pages(engine::RunContext& run, LentPages lent, agent::PageContent expected) {
  auto asked = lent.guest->client().take_back(lent.workload, {.expected = expected, .timeout = kAnswerLimit});
  auto taken_back = co_await lent.guest->unless_failed(std::move(asked));
  if (!taken_back) co_return not_answered(run, taken_back.error());
  co_return Result<void>();
}

}  // namespace snaphammer::faults
