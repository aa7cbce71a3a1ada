#include "lib/uffd/page_server.h"

#include <array>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>

#include "lib/base/unique_fd.h"
#include "lib/uffd/fault_server.h"
#include "lib/uffd/guest_memory.h"
#include "lib/uffd/handoff.h"
#include "lib/uffd/handoff_listener.h"
#include "lib/uffd/prefetch.h"
#include "lib/uffd/stop_signal.h"
#include "lib/uffd/working_set.h"

namespace snaphammer::uffd {
namespace {

/// Of the guest's RAM, the trace may take one part in so many.
constexpr ByteCount kTraceShare = 512;
/// What the kernel is to fill must be worth a mapping of its own; a process may have 65,530 (proc(5), max_map_count).
constexpr ByteCount kLeastToKernel = 16_KiB;

void name_thread(const char* name) { ::pthread_setname_np(::pthread_self(), name); }

}  // namespace

class PageServer::Impl {
 public:
  explicit Impl(PageServerOptions options)
      : options_(std::move(options)),
        trace_(options_.trace_events != 0 ? options_.trace_events
                                          : options_.source->size() / kTraceShare / Trace::kBytesPerEvent),
        working_set_(options_.source->size(),
                     options_.policy.prefetch == Prefetch::kWorkingSet ? options_.working_set : std::vector<Extent>()) {
  }

  Result<void> start();
  void stop();
  StopSignal& stop_signal() { return stop_; }
  Result<void> drain(Duration limit);
  Result<Standstill> stand_still(Duration limit) const;
  std::vector<UnresolvedFault> unresolved_faults(Duration older_than) const;
  Result<WaitingFaults> waiting_faults() const;
  std::vector<StateRun> page_states() const;

  const Counters& counters() const { return counters_; }
  const Trace& trace() const { return trace_; }
  const WorkingSet& working_set() const { return working_set_; }

 private:
  /// What exists from the hand-off on.
  struct Serving {
    std::unique_ptr<GuestMemory> memory;
    ByteCount largest_page = kPageSize;
    FaultServer faults;
  };

  void run();
  Result<void> take_over(UniqueFd& connection);
  Result<void> leave_zeros_to_kernel(GuestMemory& memory, ByteCount largest_page) const;
  void serve(Serving& serving, int connection);
  void watch(Serving& serving, int connection);
  void prefetch(Serving& serving);
  void emit(ServerEvent::Kind kind, std::optional<Error> error = {});

  PageServerOptions options_;
  Counters counters_;
  Trace trace_;
  WorkingSet working_set_;
  StopSignal stop_;
  std::atomic<bool> stop_asked_ = false;
  std::optional<HandoffListener> listener_;
  std::unique_ptr<Serving> owned_serving_;
  std::atomic<Serving*> serving_ = nullptr;  // Published to other threads once it is complete.
  std::mutex emitting_;
  std::mutex joining_;
  std::thread control_;
};

Result<void> PageServer::Impl::start() {
  SNAP_TRY(stop_.open());
  listener_ = std::move(options_.listener);
  if (!listener_) {
    SNAP_ASSIGN(listener_, HandoffListener::listen(options_.socket));
  }
  try {
    control_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return errno_error("start the page server's thread", error.code().value());
  }
  return {};
}

void PageServer::Impl::stop() {
  stop_asked_ = true;
  stop_.set();
  const std::lock_guard lock(joining_);
  if (control_.joinable()) control_.join();
}

/// The control thread: the hand-off, then everything else as long as it lasts.
void PageServer::Impl::run() {
  name_thread("uffd-control");
  UniqueFd connection;
  const Result<void> taken = take_over(connection);
  listener_.reset();
  if (taken) {
    serve(*owned_serving_, connection.get());
  } else if (taken.error().kind() != ErrorKind::kCancelled) {
    emit(ServerEvent::Kind::kFailed, taken.error());
  }
  if (stop_asked_) emit(ServerEvent::Kind::kStopped);
}

Result<void> PageServer::Impl::take_over(UniqueFd& connection) {
  SNAP_ASSIGN(connection, listener_->accept(stop_.fd()));
  SNAP_ASSIGN(Handoff handoff, receive_handoff(connection.get(), stop_.fd(), kHandoffLimit));
  const ByteCount memory_size = options_.source->size();
  SNAP_TRY(check_regions(handoff.regions, memory_size));
  ByteCount largest_page = kPageSize;
  for (const Region& region : handoff.regions) largest_page = std::max(largest_page, region.page_size);
  SNAP_ASSIGN(std::unique_ptr<GuestMemory> memory,
              GuestMemory::adopt(std::move(handoff), memory_size, options_.policy, counters_, trace_));
  if (options_.zeros_to_kernel) SNAP_TRY(leave_zeros_to_kernel(*memory, largest_page));
  GuestMemory& adopted = *memory;
  owned_serving_.reset(
      new Serving{std::move(memory), largest_page,
                  FaultServer({adopted, *options_.source, options_.policy, working_set_, counters_, trace_, stop_,
                               [this](const Error& error) { emit(ServerEvent::Kind::kPageFailed, error); }})});
  SNAP_TRY(owned_serving_->faults.open());
  serving_.store(owned_serving_.get(), std::memory_order_release);
  return {};
}

Result<void> PageServer::Impl::leave_zeros_to_kernel(GuestMemory& memory, ByteCount largest_page) const {
  const auto leave = [&](ByteCount begin, ByteCount end) -> Result<void> {
    begin = (begin + largest_page - 1) / largest_page * largest_page;
    end = end / largest_page * largest_page;
    if (end < begin + kLeastToKernel) return {};
    return memory.leave_to_kernel({begin, end - begin});
  };
  ByteCount behind_data = 0;
  for (const Extent& data : options_.source->data()) {
    SNAP_TRY(leave(behind_data, data.offset));
    behind_data = data.end();
  }
  return leave(behind_data, options_.source->size());
}

void PageServer::Impl::serve(Serving& serving, int connection) {
  emit(ServerEvent::Kind::kHandedOff);
  std::vector<std::thread> threads;
  try {
    for (unsigned i = 0; i <= options_.policy.workers; ++i) {
      threads.emplace_back([this, &serving, i] {
        name_thread(fmt::format("uffd-serve-{}", i).c_str());
        const Result<void> ran = serving.faults.run();
        if (!ran) emit(ServerEvent::Kind::kFailed, ran.error());
      });
    }
    threads.emplace_back([this, &serving] { prefetch(serving); });
    watch(serving, connection);
  } catch (const std::system_error& error) {
    emit(ServerEvent::Kind::kFailed, errno_error("start the page server's threads", error.code().value()));
    stop_.set();
  }
  serving.memory->interrupt();
  serving.faults.queue().interrupt();
  options_.source->interrupt();
  for (std::thread& thread : threads) thread.join();
  if (serving.faults.vm_gone()) emit(ServerEvent::Kind::kVmGone);
}

/// Returns once everything is to end. The VMM keeps its connection open as long as it lives, so its end shows here
/// even when no page is being installed that could fail.
void PageServer::Impl::watch(Serving& serving, int connection) {
  std::array<pollfd, 2> fds = {pollfd{stop_.fd(), POLLIN, 0}, pollfd{connection, POLLRDHUP, 0}};
  while (!stop_.is_set()) {
    if (::poll(fds.data(), fds.size(), -1) <= 0 || fds[1].revents == 0) continue;
    if (serving.memory->vm_gone()) {
      serving.faults.note_vm_gone();
    } else {
      fds[1].fd = -1;  // It closed the connection and lives on.
    }
  }
}

void PageServer::Impl::prefetch(Serving& serving) {
  name_thread("uffd-prefetch");
  const Policy& policy = options_.policy;
  Prefetcher prefetcher(*serving.memory, SourceReader(*options_.source, policy.read_retries, counters_, trace_, stop_),
                        serving.faults.queue(), working_set_, counters_, trace_, stop_,
                        [this](const Error& error) { emit(ServerEvent::Kind::kPageFailed, error); });
  prefetcher.run(plan_prefetch(policy.prefetch, options_.source->data(), working_set_.foreseen(), policy.prefetch_chunk,
                               serving.largest_page));
  if (prefetcher.vm_gone()) {
    serving.faults.note_vm_gone();
  } else if (!stop_.is_set()) {
    emit(ServerEvent::Kind::kPrefetched);
  }
}

void PageServer::Impl::emit(ServerEvent::Kind kind, std::optional<Error> error) {
  const std::lock_guard lock(emitting_);
  if (options_.on_event) options_.on_event({kind, std::move(error)});
}

Result<void> PageServer::Impl::drain(Duration limit) {
  Serving* serving = serving_.load(std::memory_order_acquire);
  if (serving == nullptr) return {};
  return serving->faults.drain(limit);
}

Result<Standstill> PageServer::Impl::stand_still(Duration limit) const {
  Serving* serving = serving_.load(std::memory_order_acquire);
  if (serving == nullptr) return Standstill();
  return serving->memory->stand_still(SteadyClock::now() + limit);
}

std::vector<UnresolvedFault> PageServer::Impl::unresolved_faults(Duration older_than) const {
  Serving* serving = serving_.load(std::memory_order_acquire);
  if (serving == nullptr) return {};
  std::vector<UnresolvedFault> faults = serving->faults.queue().unresolved(older_than);
  // Prefetch may have brought a page whose fault had been given up. Nothing else is looked up: where pages are is behind
  // a gate that a server which repeats refused copies for ever keeps shut.
  std::erase_if(faults, [serving](const UnresolvedFault& fault) {
    if (!fault.error) return false;
    const std::optional<PageView> page = serving->memory->page_at(fault.address);
    return page && page->state == PageState::kPresent;
  });
  return faults;
}

Result<WaitingFaults> PageServer::Impl::waiting_faults() const {
  Serving* serving = serving_.load(std::memory_order_acquire);
  if (serving == nullptr) return WaitingFaults{};
  return serving->memory->uffd().waiting();
}

std::vector<StateRun> PageServer::Impl::page_states() const {
  Serving* serving = serving_.load(std::memory_order_acquire);
  if (serving == nullptr) return {{{0, options_.source->size()}, PageState::kMissing}};
  return serving->memory->tracker().runs();
}

PageServer::PageServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PageServer::~PageServer() { stop(); }

Result<std::unique_ptr<PageServer>> PageServer::start(PageServerOptions options) {
  const auto invalid = [](const char* what) { return Error(ErrorKind::kInvalid, std::string("page server: ") + what); };
  if (!options.source) return invalid("no source");
  if (options.source->size() == 0 || options.source->size() % kPageSize != 0) return invalid("no whole pages");
  if (options.policy.workers == 0) return invalid("workers must be at least 1");
  if (options.policy.prefetch_chunk == 0 || options.policy.prefetch_chunk % kPageSize != 0) {
    return invalid("prefetch_chunk must be a multiple of 4KiB");
  }
  auto impl = std::make_unique<Impl>(std::move(options));
  SNAP_TRY(impl->start());
  return std::unique_ptr<PageServer>(new PageServer(std::move(impl)));
}

void PageServer::stop() { impl_->stop(); }
void PageServer::suspend() { impl_->stop_signal().suspend(); }

void PageServer::resume() { impl_->stop_signal().resume(); }

Result<void> PageServer::drain(Duration limit) { return impl_->drain(limit); }
Result<Standstill> PageServer::stand_still(Duration limit) const { return impl_->stand_still(limit); }
Stats PageServer::stats() const { return impl_->counters().snapshot(); }
std::vector<UnresolvedFault> PageServer::unresolved_faults(Duration older_than) const {
  return impl_->unresolved_faults(older_than);
}
Result<WaitingFaults> PageServer::waiting_faults() const { return impl_->waiting_faults(); }
std::vector<StateRun> PageServer::page_states() const { return impl_->page_states(); }
std::vector<Extent> PageServer::working_set() const { return impl_->working_set().record(); }
std::vector<TraceEvent> PageServer::trace() const { return impl_->trace().events(); }

}  // namespace snaphammer::uffd
