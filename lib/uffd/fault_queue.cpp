#include "lib/uffd/fault_queue.h"

#include <utility>

namespace snaphammer::uffd {

void FaultQueue::add(std::uint64_t address, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = entries_.try_emplace(address, Entry{.since = now});
  Entry& entry = found->second;
  if (is_new) {
    ++unsettled_;
    enqueue_locked(address, entry);
    return;
  }
  switch (entry.status) {
    case Status::kQueued:
    case Status::kDeferred:
      break;
    case Status::kServing:
      entry.again = true;
      break;
    case Status::kFailed:
      ++unsettled_;
      entry.error.reset();
      enqueue_locked(address, entry);
      break;
  }
}

bool FaultQueue::begin_serving() {
  const std::lock_guard lock(mutex_);
  if (ready_.empty() || serving_ >= workers_) return false;
  ++serving_;
  return true;
}

std::optional<Fault> FaultQueue::next() {
  const std::lock_guard lock(mutex_);
  if (ready_.empty()) {
    --serving_;
    return std::nullopt;
  }
  const std::uint64_t address = ready_.front();
  ready_.pop_front();
  Entry& entry = entries_.at(address);
  entry.status = Status::kServing;
  return Fault{address, entry.since, entry.examinations};
}

void FaultQueue::resolved(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(address);
  if (found->second.again) {
    found->second.since = SteadyClock::now();
    enqueue_locked(address, found->second);
    return;
  }
  entries_.erase(found);
  leave_locked();
}

void FaultQueue::defer(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_.at(address);
  entry.status = Status::kDeferred;
  entry.again = false;
  ++entry.examinations;
  deferred_.push_back(address);
  if (unsettled_ == deferred_.size()) changed_.notify_all();
}

void FaultQueue::failed(std::uint64_t address, Error error) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_.at(address);
  if (entry.again) {
    enqueue_locked(address, entry);
    return;
  }
  entry.status = Status::kFailed;
  entry.error = std::move(error);
  leave_locked();
}

bool FaultQueue::has_deferred() const {
  const std::lock_guard lock(mutex_);
  return !deferred_.empty();
}

void FaultQueue::retry_deferred() {
  const std::lock_guard lock(mutex_);
  for (const std::uint64_t address : std::exchange(deferred_, {})) enqueue_locked(address, entries_.at(address));
}

bool FaultQueue::wait_until_quiet(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return unsettled_ == 0 || interrupted_; });
  return unsettled_ == 0 && !interrupted_;
}

void FaultQueue::wait_until_served() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unsettled_ == deferred_.size() || interrupted_; });
}

void FaultQueue::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  changed_.notify_all();
}

std::vector<UnresolvedFault> FaultQueue::unresolved(Duration older_than) const {
  const TimePoint now = SteadyClock::now();
  const std::lock_guard lock(mutex_);
  std::vector<UnresolvedFault> faults;
  for (const auto& [address, entry] : entries_) {
    if (now - entry.since >= older_than) faults.push_back({address, now - entry.since, entry.error});
  }
  return faults;
}

void FaultQueue::enqueue_locked(std::uint64_t address, Entry& entry) {
  entry.status = Status::kQueued;
  entry.again = false;
  ready_.push_back(address);
}

void FaultQueue::leave_locked() {
  if (--unsettled_ == deferred_.size()) changed_.notify_all();
}

}  // namespace snaphammer::uffd
