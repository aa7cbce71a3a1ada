#include "harness/engine/memory_budget.h"

namespace snaphammer::engine {

Async<MemoryBudget::Share> MemoryBudget::take(ByteCount bytes) {
  const std::uint64_t ticket = next_ticket_++;
  waiting_.insert(ticket);
  Result<void> waited;
  while (waited && (*waiting_.begin() != ticket || !holds(bytes))) waited = co_await changed_.wait();
  waiting_.erase(ticket);
  changed_.notify();  // Who is first now may have room as well.
  if (!waited) co_return waited.error();
  taken_ += bytes;
  ++shares_;
  co_return Share(*this, bytes);
}

bool MemoryBudget::holds(ByteCount bytes) const {
  return !all_ || shares_ == 0 || (taken_ <= *all_ && bytes <= *all_ - taken_);
}

void MemoryBudget::give_back(ByteCount bytes) {
  taken_ -= bytes;
  --shares_;
  changed_.notify();
}

}  // namespace snaphammer::engine
