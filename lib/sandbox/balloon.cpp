#include "lib/sandbox/balloon.h"

#include <algorithm>
#include <chrono>

#include <boost/asio/steady_timer.hpp>
#include <sys/stat.h>

namespace snaphammer::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr ByteCount kFloor = 64_MiB;
/// For a guest that has nothing to do meanwhile but to run the balloon's driver and the agent.
constexpr ByteCount kIdleFloor = 32_MiB;
constexpr ByteCount kWorthIt = 64_MiB;
constexpr Duration kBetweenLooks = 5ms;
/// A driver that cannot get a page tries again after 200 ms (drivers/virtio/virtio_balloon.c).
constexpr Duration kGivesNoMore = 500ms;
/// Nothing but a guest without CPU keeps it from taking memory back.
constexpr Duration kTakesNoMore = 5s;

/// Sets the target, and returns when the guest has come to it, or has not moved for `patience`.
Async<void> move_to(vmm::Vm& vm, ByteCount target, Duration patience) {
  CO_SNAP_TRY(co_await vm.set_balloon_target(target));
  asio::steady_timer pause(co_await asio::this_coro::executor);
  CO_SNAP_ASSIGN(ByteCount size, co_await vm.balloon_actual());
  TimePoint changed = SteadyClock::now();
  while (size != target && SteadyClock::now() - changed < patience) {
    pause.expires_after(kBetweenLooks);
    co_await pause.async_wait(as_result);
    CO_SNAP_ASSIGN(const ByteCount now, co_await vm.balloon_actual());
    if (now != size) changed = SteadyClock::now();
    size = now;
  }
  co_return Result<void>();
}

Result<ByteCount> held_by_host(const vmm::GuestRam& ram) {
  struct stat file {};
  if (::fstat(ram.fd, &file) != 0) return errno_error("ask for the size of guest memory");
  return static_cast<ByteCount>(file.st_blocks) * 512;
}

ByteCount surplus(ByteCount of, ByteCount over) { return of - std::min(of, over); }

/// What the host holds of the guest's memory and the guest does not use.
ByteCount freed_memory(const agent::Metrics& metrics, ByteCount whole, ByteCount held) {
  return surplus(held, surplus(whole, metrics.memory_available));
}

Async<void> inflate(Incarnation& guest, PauseBalloon balloon) {
  const ByteCount whole = guest.vm().ram().size;
  ByteCount taken = 0;
  if (balloon.size) {
    taken = std::min(*balloon.size, whole);
  } else {
    CO_SNAP_ASSIGN(const agent::Metrics metrics, co_await guest.client().metrics());
    CO_SNAP_ASSIGN(const ByteCount held, held_by_host(guest.vm().ram()));
    taken = std::min(spare_memory(metrics, whole, held), whole);
  }
  if (taken == 0) co_return Result<void>();
  co_return co_await move_to(guest.vm(), whole - taken, kGivesNoMore);
}

Async<void> inflate_and_deflate(Incarnation& guest) {
  CO_SNAP_ASSIGN(const agent::Metrics metrics, co_await guest.client().metrics());
  CO_SNAP_ASSIGN(const ByteCount held, held_by_host(guest.vm().ram()));
  const ByteCount whole = guest.vm().ram().size;
  // Not every page that the guest gives up is one that it has used: those come first, but not all of them.
  const ByteCount asked = 2 * freed_memory(metrics, whole, held);
  const ByteCount taken = std::min({asked, surplus(metrics.memory_available, kIdleFloor), whole});
  CO_SNAP_TRY(co_await move_to(guest.vm(), whole - taken, kGivesNoMore));
  co_return co_await move_to(guest.vm(), whole, kTakesNoMore);
}

}  // namespace

ByteCount spare_memory(const agent::Metrics& metrics, ByteCount whole, ByteCount held) {
  const ByteCount can = surplus(metrics.memory_available, kFloor);
  const ByteCount spare = std::min(can, freed_memory(metrics, whole, held)) / 1_MiB * 1_MiB;
  return spare < kWorthIt ? 0 : spare;
}

Async<void> inflate_balloon(Incarnation& guest, PauseBalloon balloon) {
  return guest.unless_failed(inflate(guest, balloon));
}

Async<void> deflate_balloon(Incarnation& guest) {
  return guest.unless_failed(move_to(guest.vm(), guest.vm().ram().size, kTakesNoMore));
}

Async<void> empty_free_memory(Incarnation& guest) { return guest.unless_failed(inflate_and_deflate(guest)); }

}  // namespace snaphammer::sandbox
