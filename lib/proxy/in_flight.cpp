#include "lib/proxy/in_flight.h"

#include <vector>

namespace snaphammer::proxy {

Result<InFlight::Entry> InFlight::enter(Interrupt interrupt) {
  if (refusal_) return Error(ErrorKind::kRefused, *refusal_);
  const std::uint64_t id = next_id_++;
  entries_.emplace(id, std::move(interrupt));
  idle_.reset();
  return Entry(*this, id);
}

void InFlight::leave(std::uint64_t id) {
  entries_.erase(id);
  if (entries_.empty()) idle_.set();
  changed_.notify();
}

Awaitable<std::size_t> InFlight::drain(Duration grace) {
  if (!entries_.empty()) static_cast<void>(co_await with_deadline(grace, "drain", idle_.wait()));
  co_return entries_.size();
}

Awaitable<std::size_t> InFlight::force_close() {
  const std::uint64_t end = next_id_;
  // An interrupt may make its holder leave at once.
  std::vector<Interrupt> interrupts;
  interrupts.reserve(entries_.size());
  for (auto& [id, interrupt] : entries_) interrupts.push_back(std::exchange(interrupt, nullptr));
  const std::size_t count = interrupts.size();
  for (const Interrupt& interrupt : interrupts) {
    if (interrupt) interrupt();
  }
  while (any_before(end)) {
    auto changed = co_await changed_.wait();
    if (!changed) break;
  }
  co_return count;
}

}  // namespace snaphammer::proxy
