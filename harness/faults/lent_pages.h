// Pages of the guest that a workload lends to a fault: it holds them where they are in guest memory and does not touch
// them, the fault does something to them, and the workload takes them back and verifies every byte.
//
//   struct Remove { std::string workload; ... };
//   void describe(Fields<Remove>& fields) { add_lender(fields, &Remove::workload); ... }
//
//   CO_SNAP_ASSIGN(const LentPages lent, co_await borrow_pages(run, args().workload, 16));
//   for (const ByteCount page : lent.pages) ... lent.guest->vm().remove(page, kPageSize) ...
//   CO_SNAP_TRY(co_await return_pages(run, lent, agent::PageContent::kZeros));      // the next check tells what was wrong
//
// The agent is asked itself, so that this works while the runtime refuses operations. One io_context thread.
#pragma once

#include <string>
#include <vector>

#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"
#include "harness/scenario/spaces.h"

namespace snaphammer::faults {

/// The argument that names the workload.
template <class Args, class Name>
auto add_lender(Fields<Args>& fields, Name Args::*workload) {
  return fields.add("workload", workload, "Whose pages: one that can set some aside, such as zero-pages.")
      .refers_to(scenario::kWorkloads);
}

/// For the follow() of such a fault.
void needs_lender(const std::string& workload, scenario::Course& course);

struct LentPages {
  sandbox::Incarnation* guest = nullptr;  ///< The one whose they are.
  std::string workload;
  std::vector<ByteCount> pages;  ///< Where they are in guest RAM.
};

/// kUnavailable without a guest, and when the workload cannot. It waits for a guest that comes up, and for a workload that
/// holds nothing at the moment. An answer that is cut off is a finding of `run`.
Async<LentPages> borrow_pages(engine::RunContext& run, std::string workload, std::uint64_t count);

/// Returns when the workload has read all of them; `expected` is what they hold unless something is wrong. It takes back
/// whatever it has set aside.
Async<void> return_pages(engine::RunContext& run, LentPages lent, agent::PageContent expected);

}  // namespace snaphammer::faults
