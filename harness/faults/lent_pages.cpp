#include "harness/faults/lent_pages.h"

#include <utility>

#include <fmt/format.h>

namespace snaphammer::faults {
namespace {

// A workload may have to come to its next round first, and each page may wait for its turn in a slow guest.
constexpr Duration kAnswerLimit = std::chrono::seconds(60);

}  // namespace

Async<LentPages> borrow_pages(engine::RunContext& run, std::string workload, std::uint64_t count) {
  sandbox::Incarnation* const guest = run.sandbox().incarnation();
  if (guest == nullptr || !guest->has_door()) {
    co_return Error(ErrorKind::kUnavailable, "there is no guest that could lend pages")
        .advise("inject it after a boot or a restore");
  }
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
