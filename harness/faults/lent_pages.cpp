#include "harness/faults/lent_pages.h"

#include <utility>

#include <fmt/format.h>

#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

// A workload may have to come to its next round first, and each page may wait for its turn in a slow guest.
constexpr Duration kAnswerLimit = std::chrono::seconds(60);

}  // namespace

void needs_lender(const std::string& workload, scenario::Course& course) {
  needs_running_guest(course);
  course.needs_workload(workload);
}

Async<LentPages> borrow_pages(engine::RunContext& run, std::string workload, std::uint64_t count) {
  CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_door(run));
  auto asked = guest->client().set_aside(workload, {.pages = count, .timeout = kAnswerLimit});
  CO_SNAP_ASSIGN(const agent::PagesSetAside set_aside, co_await guest->unless_failed(std::move(asked)));
  LentPages lent{.guest = guest, .workload = std::move(workload), .pages = {}};
  for (const std::uint64_t address : set_aside.addresses) {
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

Async<void> return_pages(LentPages lent, agent::PageContent expected) {
  auto asked = lent.guest->client().take_back(lent.workload, {.expected = expected, .timeout = kAnswerLimit});
  co_return co_await lent.guest->unless_failed(std::move(asked));
}

}  // namespace snaphammer::faults
