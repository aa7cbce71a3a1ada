// uffd.remove
#include <algorithm>
#include <set>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"
#include "harness/faults/guest_page.h"
#include "harness/faults/lent_pages.h"
#include "lib/base/notice.h"

namespace snaphammer::faults {
namespace {

enum class Meets { kNothing, kFault };
void describe(Choices<Meets>& words) {
  words.add(Meets::kNothing, "nothing", "a page is discarded, and asked for afterwards");
  words.add(
      Meets::kFault, "fault",
      "a page is asked for, and discarded between the moment in which the page server reads the fault and the one "
      "in which it copies the page; only pages that have not been asked for since a restore");
}

struct Remove {
  std::string workload;
  std::uint64_t pages = 16;
  Meets meets = Meets::kNothing;
};
void describe(Fields<Remove>& fields) {
  add_lender(fields, &Remove::workload).required();
  fields.add("pages", &Remove::pages, "How many are discarded, one by one.").between(1, 4096);
  fields.add("meets", &Remove::meets, "What is under way with a page when it is discarded.");
}

/// Makes the page server wait where it reads certain pages of the snapshot, which it does when it has read a fault on
/// them. What it says on its threads is heard on the io_context's.
class HeldReads {
 public:
  HeldReads(uffd::SourceFaults& source, const asio::any_io_executor& executor, const std::vector<ByteCount>& pages)
      : source_(source), heard_(std::make_shared<Heard>(executor)) {
    source_.hold(pages, [heard = heard_, executor](ByteCount page) {
      asio::post(executor, [heard, page] {
        heard->pages.insert(page);
        heard->changed.notify();
      });
    });
  }
  ~HeldReads() { source_.release_all(); }
  HeldReads(const HeldReads&) = delete;
  HeldReads& operator=(const HeldReads&) = delete;

  /// The next page that is being read, each one once.
  Async<ByteCount> next() {
    const auto heard = heard_;
    const auto is_new = [&](ByteCount page) { return !seen_.contains(page); };
    auto page = heard->pages.end();
    while ((page = std::find_if(heard->pages.begin(), heard->pages.end(), is_new)) == heard->pages.end()) {
      CO_SNAP_TRY(co_await heard->changed.wait());
    }
    seen_.insert(*page);
    co_return *page;
  }
  void release(ByteCount page) { source_.release(page); }

 private:
  struct Heard {
    explicit Heard(const asio::any_io_executor& executor) : changed(executor) {}
    std::set<ByteCount> pages;
    Notice changed;
  };
  uffd::SourceFaults& source_;
  std::shared_ptr<Heard> heard_;
  std::set<ByteCount> seen_;
};

// The VMM discards the memory as it does for a balloon, in its own mapping of it, so that the page server gets a REMOVE
// event as for any other.
class RemovePages final : public FaultWith<Remove> {
 public:
  using FaultWith::FaultWith;
  static void follow(const Remove& remove, Course& course) { needs_lender(remove.workload, course); }

  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(LentPages lent, co_await borrow_pages(run, args().workload, args().pages));
    if (args().meets == Meets::kFault) co_return co_await remove_while_asked_for(run, std::move(lent));
    for (const ByteCount page : lent.pages) {
      CO_SNAP_TRY(co_await remove(lent, page));
    }
    co_return co_await return_pages(run, std::move(lent), agent::PageContent::kZeros);
  }

 private:
  Async<void> remove(const LentPages& lent, ByteCount page) {
    CO_SNAP_TRY(co_await lent.guest->unless_failed(lent.guest->vm().remove(page, kPageSize)));
    act();
    co_return Result<void>();
  }

  // The workload reads the pages as it takes them back, and the page server, when it has read the fault on one, waits for
  // its bytes until the page is gone.
  Async<void> remove_while_asked_for(engine::RunContext& run, LentPages lent) {
    using namespace asio::experimental::awaitable_operators;  // NOLINT: the documented way to get operator||
    for (const ByteCount page : lent.pages) {
      if (is_missing(*lent.guest, page)) continue;
      co_return Error(ErrorKind::kUnavailable,
                      fmt::format("the guest has its page at {:#x} of its memory already", page))
          .advise("inject it after a restore with `prefetch: off`, before anything checks the workload");
    }
    const auto executor = co_await asio::this_coro::executor;
    HeldReads reads(run.guest_sources().of(engine::GuestSources::kOwn), executor, lent.pages);
    auto outcome = co_await (return_pages(run, lent, agent::PageContent::kZeros) || remove_when_read(lent, reads));
    if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
    co_return std::get<1>(std::move(outcome));
  }

  /// Returns only with an error.
  Async<void> remove_when_read(const LentPages& lent, HeldReads& reads) {
    for (;;) {
      CO_SNAP_ASSIGN(const ByteCount page, co_await reads.next());
      CO_SNAP_TRY(co_await remove(lent, page));
      reads.release(page);
    }
  }
};

const FaultRegistration<RemovePages> registration{
    "uffd.remove",
    "The host discards memory that a workload gave up for it, page by page, and the workload expects zeros there.",
    "uffd.remove, args: {workload: zp, pages: 64, meets: fault}",
    "none; when the step ends, the workload has taken its pages back",
    {"remove-injection"}};

}  // namespace
}  // namespace snaphammer::faults
