// vsock.lose_event
//
// QEMU sends the transport reset after a load as an event (VIRTIO 1.2, section 5.10.6.7), which needs a buffer that the
// guest has put into its event queue. Here the guest has put none there: the queue's available index comes from the
// snapshot as far as the used one, as if all buffers were used up. QEMU reads it while it loads.
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

#include "harness/faults/fault.h"
#include "harness/faults/guest_page.h"
#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

using uffd::SourceFaults;
using RingIndex = std::uint16_t;  // Little-endian, as this host is.

/// What QEMU logs when it finds no buffer (hw/virtio/vhost-vsock-common.c).
constexpr std::string_view kMissed = "vhost-vsock missed transport reset event";
constexpr ByteCount kIndexInRing = 2;

/// Where the two indices are in guest memory.
struct Indices {
  ByteCount available;
  ByteCount used;
  ByteCount page() const { return available / kPageSize * kPageSize; }
};

Result<Indices> indices_of(const vmm::VirtQueueRings& rings, const vmm::Vm& vm) {
  const auto available = vm.ram_offset(rings.available + kIndexInRing);
  const auto used = vm.ram_offset(rings.used + kIndexInRing);
  if (!available || !used || *available / kPageSize != *used / kPageSize) {
    return Error(ErrorKind::kUnavailable, "the guest's vsock event queue is not in one page of its memory");
  }
  return Indices{*available, *used};
}

class LoseEvent final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "when QEMU has a transport reset for the guest: in its next restore";
  static void follow(const NoArguments&, Course& course) { needs_guest(course); }

  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_vmm(run));
    CO_SNAP_ASSIGN(const vmm::VirtQueueRings rings, co_await guest->vm().vsock_event_queue());
    CO_SNAP_ASSIGN(indices_, indices_of(rings, guest->vm()));
    vmm_log_ = run.sandbox().paths().vmm_log();
    static_cast<void>(missed_so_far());
    const auto take_buffers = [indices = indices_, taken = taken_](std::span<std::byte> page) {
      std::byte* const available = page.data() + (indices.available - indices.page());
      const std::byte* const used = page.data() + (indices.used - indices.page());
      taken->store(static_cast<RingIndex>(read_index(available) - read_index(used)));
      std::memcpy(available, used, sizeof(RingIndex));
    };
    run.guest_sources()
        .of(engine::GuestSources::kOwn)
        .set_page_change(SourceFaults::PageChange{.page = indices_.page(), .change = take_buffers});
    co_return Result<void>();
  }

  // Only QEMU's own word counts.
  Result<void> at_phase(const std::string&) override {
    for (std::size_t missed = missed_so_far(); missed > 0; --missed) act();
    return {};
  }

  Async<void> heal(engine::RunContext& run) override {
    CO_SNAP_TRY(at_phase({}));
    run.guest_sources().of(engine::GuestSources::kOwn).set_page_change(std::nullopt);
    sandbox::Incarnation* const guest = run.sandbox().incarnation();
    if (guest == nullptr || !guest->has_vm() || is_missing(*guest, indices_.page())) co_return Result<void>();
    co_return give_back(guest->vm().ram());
  }

 private:
  static RingIndex read_index(const std::byte* at) {
    RingIndex index{};
    std::memcpy(&index, at, sizeof index);
    return index;
  }

  /// How often QEMU has said so since it was last asked.
  std::size_t missed_so_far() {
    std::ifstream log(vmm_log_);
    log.seekg(static_cast<std::streamoff>(log_read_));
    const std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
    const std::size_t whole = text.rfind('\n') + 1;  // 0 when there is no line.
    log_read_ += whole;
    std::size_t missed = 0;
    for (std::size_t at = text.find(kMissed); at < whole; at = text.find(kMissed, at + 1)) ++missed;
    return missed;
  }

  /// A guest without buffers gets them back, for its next restore.
  Result<void> give_back(const vmm::GuestRam& ram) const {
    RingIndex available{};
    RingIndex used{};
    if (::pread(ram.fd, &available, sizeof available, static_cast<off_t>(indices_.available)) != sizeof available ||
        ::pread(ram.fd, &used, sizeof used, static_cast<off_t>(indices_.used)) != sizeof used) {
      return errno_error("read guest memory");
    }
    if (available != used) return {};
    available = static_cast<RingIndex>(used + taken_->load());
    if (::pwrite(ram.fd, &available, sizeof available, static_cast<off_t>(indices_.available)) != sizeof available) {
      return errno_error("write guest memory");
    }
    return {};
  }

  Indices indices_{};
  std::shared_ptr<std::atomic<RingIndex>> taken_ = std::make_shared<std::atomic<RingIndex>>();
  std::filesystem::path vmm_log_;
  std::size_t log_read_ = 0;
};

const FaultRegistration<LoseEvent> registration{
    "vsock.lose_event",
    "The transport reset after a restore is lost: the guest's event queue has no buffer for it.",
    "vsock.lose_event",
    "the guest's event queue has its buffers again",
    {"queue-state"}};

}  // namespace
}  // namespace snaphammer::faults
