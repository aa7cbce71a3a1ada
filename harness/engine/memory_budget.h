// Which runs may be under way side by side: as many as the host's memory holds. Whoever asks first is served first, so
// that a large run is not kept waiting by small ones; what needs more than there is goes alone.
//
//   MemoryBudget memory(executor, available_memory());
//   CO_SNAP_ASSIGN(const MemoryBudget::Share share, co_await memory.take(512_MiB));   // given back when it dies
//
// One io_context thread; outlives its shares.
#pragma once

#include <optional>
#include <set>
#include <utility>

#include "lib/base/async.h"
#include "lib/base/notice.h"
#include "lib/base/units.h"

namespace snaphammer::engine {

class MemoryBudget {
 public:
  class [[nodiscard]] Share {
   public:
    Share(Share&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Share& operator=(Share&&) = delete;
    ~Share() {
      if (budget_ != nullptr) budget_->give_back(bytes_);
    }

   private:
    friend class MemoryBudget;
    Share(MemoryBudget& budget, ByteCount bytes) : budget_(&budget), bytes_(bytes) {}
    MemoryBudget* budget_;
    ByteCount bytes_;
  };

  /// `all`: what shares may have together; nothing: there is no bound.
  MemoryBudget(const asio::any_io_executor& executor, std::optional<ByteCount> all) : all_(all), changed_(executor) {}

  /// Returns when `bytes` are left, or nobody has a share. kCancelled when the wait is.
  Async<Share> take(ByteCount bytes);

 private:
  bool holds(ByteCount bytes) const;
  void give_back(ByteCount bytes);

  const std::optional<ByteCount> all_;
  ByteCount taken_ = 0;
  unsigned shares_ = 0;
  std::uint64_t next_ticket_ = 0;
  std::set<std::uint64_t> waiting_;  // In the order in which they came.
  Notice changed_;
};

}  // namespace snaphammer::engine
