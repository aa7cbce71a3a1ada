// memory.flip_bit
#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "harness/faults/fault.h"
#include "harness/faults/guest_page.h"
#include "harness/faults/lent_pages.h"
#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

using scenario::Node;
using scenario::Reader;
using uffd::SourceFaults;

struct FlipBit {
  std::optional<ByteCount> offset;
  std::optional<unsigned> bit;
  std::optional<std::string> workload;
  unsigned times = 1;
};
void describe(Fields<FlipBit>& fields) {
  fields.size("offset", &FlipBit::offset,
              "Of the byte, in guest memory; otherwise the seed chooses one of a page with data.");
  fields.add("bit", &FlipBit::bit, "Which one; otherwise the seed chooses.").between(0, 7);
  add_lender(fields, &FlipBit::workload);
  fields.add("times", &FlipBit::times, "How often: after an even number it is what it was, which is a control.")
      .between(1, 1000);
  fields.rule([](FlipBit& flip, Reader& reader, const Node& node) {
    if (flip.offset && flip.workload)
      reader.fail(node, "`offset` and `workload` both say where", "leave one of them out");
  });
}

// A page that the guest has not asked for yet is spoiled on its way from the snapshot, any other where it is. That of a
// workload is one which the workload lends for it: whatever it says of the page is about this bit.
class Flip final : public FaultWith<FlipBit> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "at once on a page that the guest has; otherwise when it asks for the page";
  static void follow(const FlipBit& flip, Course& course) {
    needs_guest(course);
    if (flip.workload) needs_lender(*flip.workload, course);
  }

  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_vmm(run));
    std::mt19937_64 random(run.plan().seed);
    const vmm::GuestRam ram = guest->vm().ram();
    SourceFaults::BitFlip flip{.offset = args().offset.value_or(0),
                               .bit = args().bit.value_or(static_cast<unsigned>(random() % 8))};
    if (args().workload) {
      CO_SNAP_ASSIGN(LentPages lent, co_await borrow_pages(run, *args().workload, 1));
      flip.offset = lent.pages.front() + random() % kPageSize;
      CO_SNAP_TRY(flip_in(run, *guest, flip));
      auto returned = co_await return_pages(run, std::move(lent), agent::PageContent::kWritten);
      if (returned) returned = co_await heal(run);  // What a later restore reads there is no longer the workload's.
      co_return returned;
    }
    if (!args().offset) {
      CO_SNAP_ASSIGN(flip.offset, choose(ram, random));
    }
    if (flip.offset >= ram.size) {
      co_return Error(ErrorKind::kUnavailable, "guest memory ends at " + format_bytes(ram.size))
          .advise("give a smaller offset, or none");
    }
    co_return flip_in(run, *guest, flip);
  }
  Async<void> heal(engine::RunContext& run) override {
    run.guest_sources().of(engine::GuestSources::kOwn).set_bit_flips({});
    co_return Result<void>();
  }

 private:
  Result<void> flip_in(engine::RunContext& run, sandbox::Incarnation& guest, SourceFaults::BitFlip flip) {
    if (is_missing(guest, flip.offset)) {
      const std::vector<SourceFaults::BitFlip> flips(args().times, flip);
      run.guest_sources().of(engine::GuestSources::kOwn).set_bit_flips(flips, [acts = shared_acts()] { acts->note(); });
      return {};
    }
    const vmm::GuestRam ram = guest.vm().ram();
    const auto at = static_cast<off_t>(flip.offset);
    for (unsigned time = 0; time < args().times; ++time) {
      std::array<std::byte, 1> byte{};
      if (::pread(ram.fd, byte.data(), 1, at) != 1) return errno_error("read guest memory");
      byte[0] ^= std::byte{1} << flip.bit;
      if (::pwrite(ram.fd, byte.data(), 1, at) != 1) return errno_error("write guest memory");
      act();
    }
    return {};
  }

  /// A byte other than zero of a page that is in RAM.
  static Result<ByteCount> choose(const vmm::GuestRam& ram, std::mt19937_64& random) {
    const auto start = static_cast<off_t>(random() % ram.size / kPageSize * kPageSize);
    off_t page = ::lseek(ram.fd, start, SEEK_DATA);
    if (page < 0) page = ::lseek(ram.fd, 0, SEEK_DATA);
    if (page < 0) return errno_error("find a page of guest memory");
    std::array<std::byte, kPageSize> bytes{};
    if (::pread(ram.fd, bytes.data(), bytes.size(), page) != static_cast<ssize_t>(bytes.size())) {
      return errno_error("read guest memory");
    }
    const std::size_t first = random() % bytes.size();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::size_t at = (first + i) % bytes.size();
      if (bytes[at] != std::byte{0}) return static_cast<ByteCount>(page) + at;
    }
    return static_cast<ByteCount>(page) + first;
  }
};

const FaultRegistration<Flip> registration{"memory.flip_bit", "One bit of the guest's memory changes.",
                                           "memory.flip_bit, args: {workload: zp, bit: 3}",
                                           "pages that the guest has not asked for yet come unspoiled"};

}  // namespace
}  // namespace snaphammer::faults
