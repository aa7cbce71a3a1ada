// The pause sequence: from a running guest to a published snapshot, and back to a running guest.
#include <utility>

#include "lib/base/blocking.h"
#include "lib/base/log.h"
#include "lib/sandbox/balloon.h"
#include "lib/sandbox/output_port.h"
#include "lib/sandbox/sandbox.h"

namespace snaphammer::sandbox {
namespace {

using namespace std::chrono_literals;
using namespace phases;  // NOLINT: names of this folder

constexpr Duration kPrepareDeadline = 30s;
constexpr Duration kClockDeadline = 5s;
constexpr Duration kStorageDeadline = 120s;  // For what depends on a disk.

// With `server` `image` lacks what is untouched. A prefetch that is still under way waits meanwhile: it would install pages
// behind the back of who writes.
Result<void> store_memory(snapshot::SnapshotWriter& writer, const uffd::PageServer* server, snapshot::MemoryImage image,
                          const std::string& parent) {
  uffd::Standstill still;
  if (server != nullptr) {
    SNAP_ASSIGN(still, server->stand_still(kMonitorDeadline));
    for (const uffd::StateRun& run : server->page_states()) {
      if (run.state == uffd::PageState::kMissing) image.untouched.push_back({run.extent.offset, run.extent.length});
    }
  }
  return parent.empty() ? writer.write_full(image) : writer.write_diff(image, parent);
}

}  // namespace

Async<PauseReport> Sandbox::snapshot(const snapshot::SnapshotStore& store, SnapshotOptions options) {
  CO_SNAP_ASSIGN(const TaskGroup::Membership under_way,
                 begin("snapshot", {State::kStarting, State::kRunning, State::kPaused}));
  if (state() != State::kPaused) CO_SNAP_TRY(co_await bring_up_->wait());
  const bool was_paused = state() == State::kPaused;
  CO_SNAP_ASSIGN(snapshot::SnapshotWriter writer, store.begin(options.id, options.metadata));

  state_ = State::kPausing;
  // One that stands still already has done all that it did.
  PauseReport report{.snapshot = options.id, .frozen_at = SteadyClock::now(), .downtime = {}, .phases = {}, .bytes = 0};
  bool frozen = was_paused;
  const auto thaw = [this, &report, &frozen]() -> Async<void> {
    CO_SNAP_TRY(co_await incarnation_->vm().resume());
    frozen = false;
    report.downtime = SteadyClock::now() - report.frozen_at;
    if (!config_.quiesce || !config_.refuse_operations) in_flight_.accept();
    co_return Result<void>();
  };
  const auto unquiesce = [this]() -> Async<void> {
    CO_SNAP_TRY(co_await unquiesce_guest());
    in_flight_.accept();
    co_return Result<void>();
  };

  const auto deflate = [this] { return deflate_balloon(*incarnation_); };

  Sequence sequence("snapshot " + options.id, observer_);
  if (!was_paused) {
    add_in_flight_phases(sequence);
    if (config_.quiesce)
      sequence.add(
          kPrepare, kPrepareDeadline, [this] { return prepare_guest(); }, unquiesce);
    if (config_.drop_page_cache) {
      sequence.add(kDropPageCache, kPrepareDeadline,
                   [this] { return incarnation_->unless_failed(incarnation_->client().drop_page_cache()); });
    }
    // By itself only in a guest whose workloads stand still: others might need the memory in the next moment.
    if (config_.balloon.inflate && (config_.quiesce || config_.balloon.size))
      sequence.add(
          kInflate, kPrepareDeadline, [this] { return inflate_balloon(*incarnation_, config_.balloon); }, deflate);
    sequence.add(
        kFreeze, kMonitorDeadline,
        [this, &report, &frozen] {
          report.frozen_at = SteadyClock::now();
          frozen = true;
          in_flight_.refuse("the guest stands still for a snapshot");
          return incarnation_->vm().pause();
        },
        thaw);
  }
  sequence.add(kSettle, kMonitorDeadline, [this] { return settle_memory(); });
  sequence.add(kSaveState, kMonitorDeadline, [this, &writer] {
    note_output_port(writer.metadata(), incarnation_->vsock().connections());
    return incarnation_->vm().save_state(writer.vmstate_path());
  });
  sequence.add(kStoreMemory, kStorageDeadline,
               [this, &writer, &options] { return write_memory(writer, options.parent); });
  // vCPUs run again while the disk is being waited for: what was copied cannot change any more.
  if (!was_paused && options.resume) {
    sequence.add(kThaw, kMonitorDeadline, thaw);
    if (config_.balloon.inflate) sequence.add(kGiveBack, kPrepareDeadline, deflate);
    if (config_.quiesce) sequence.add(kUnquiesce, kPrepareDeadline, unquiesce);
  }
  const auto publish = [&writer] { return writer.publish(); };
  sequence.add(kPublish, kStorageDeadline, [this, &publish, &report]() -> Async<void> {
    CO_SNAP_ASSIGN(const snapshot::Manifest manifest, co_await run_blocking(pool_, publish));
    report.bytes = manifest.memory_stored;
    co_return Result<void>();
  });

  SequenceOutcome outcome = co_await sequence.run(config_.on_pause_abort);
  report.phases = std::move(outcome.timings);
  if (!outcome.result) {
    if (!outcome.service_restored && config_.on_pause_abort == OnAbort::kUndo) {
      // Nobody knows what state the guest is in: better none than a wrong one.
      co_await asio::this_coro::throw_if_cancelled(false);
      co_await give_up(outcome.result.error());
      Error lost = std::move(outcome.result).error().in("the guest could not be brought back and was ended");
      // Unless somebody wants its end: that is no loss.
      if (!ending_ && last_failure_->kind == Failure::Kind::kEnded) last_failure_ = {Failure::Kind::kLost, lost};
      co_return lost;
    }
    state_ = frozen ? State::kPaused : State::kRunning;  // When it is being ended, end() says so afterwards.
    if (!frozen && !incarnation_->failure()) in_flight_.accept();
    co_return std::move(outcome.result).error();
  }
  if (!was_paused && options.resume && !config_.quiesce) co_await try_to_set_guest_clock();
  if (!options.resume && !was_paused) report.downtime = SteadyClock::now() - report.frozen_at;
  if (!was_paused) prepared_ = !options.resume;
  state_ = was_paused || !options.resume ? State::kPaused : State::kRunning;
  co_return report;
}

Async<void> Sandbox::prepare_guest() {
  return incarnation_->unless_failed(incarnation_->client().prepare(*config_.quiesce));
}

// Its clock first: who goes on with his work may look at it.
Async<void> Sandbox::unquiesce_guest() {
  CO_SNAP_TRY(co_await set_guest_clock());
  co_return co_await incarnation_->unless_failed(incarnation_->client().undo_prepare());
}

// The guest's clocks stand still with it. Monotonic time may; the time of day is wrong afterwards by as much.
Async<void> Sandbox::set_guest_clock() {
  if (!config_.set_clock) return completed(Result<void>());
  return incarnation_->unless_failed(
      incarnation_->client().set_clock({.wall_clock = std::chrono::system_clock::now().time_since_epoch()}));
}

Awaitable<void> Sandbox::try_to_set_guest_clock() {
  auto set = co_await with_deadline(kClockDeadline, "set the clock", set_guest_clock());
  if (!set) log_warning("sandbox", "the guest's wall clock is late: {}", set.error().describe());
}

Async<void> Sandbox::settle_memory() {
  FaultHandler* const handler = incarnation_->handler();
  if (handler == nullptr) return completed(Result<void>());
  return run_blocking(pool_,
                      [handler, vmm = incarnation_->vm().pid()] { return handler->settle(vmm, kMonitorDeadline); });
}

Async<void> Sandbox::write_memory(snapshot::SnapshotWriter& writer, std::string parent) {
  const vmm::GuestRam ram = incarnation_->vm().ram();
  snapshot::MemoryImage image{.ram_fd = ram.fd, .size = ram.size};
  uffd::PageServer* const server = incarnation_->page_server();
  if (server != nullptr) image.base = restored_from_->memory;
  return run_blocking(pool_, [&writer, server, image = std::move(image), parent = std::move(parent)]() mutable {
    return store_memory(writer, server, std::move(image), parent);
  });
}

}  // namespace snaphammer::sandbox
