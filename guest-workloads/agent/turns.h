// Turns: operations that happen one after another, in the order in which they asked. A mutex for coroutines of one io_context
// thread.
//
//   const Turns::Turn mine = co_await turns.take();    // until it is destroyed
#pragma once

#include <cstdint>
#include <utility>

#include "lib/base/notice.h"

namespace snaphammer::guest {

class Turns {
 public:
  explicit Turns(const asio::any_io_executor& executor) : over_(executor) {}

  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(&turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ == nullptr) return;
      ++turns_->serving_;
      turns_->over_.notify();
    }

   private:
    Turns* turns_;
  };

  Awaitable<Turn> take() {
    const std::uint64_t ticket = tickets_++;
    while (serving_ != ticket) static_cast<void>(co_await over_.wait());
    co_return Turn(*this);
  }

 private:
  std::uint64_t tickets_ = 0;  ///< Given out; who holds number `serving_` has its turn.
  std::uint64_t serving_ = 0;
  Notice over_;
};

}  // namespace snaphammer::guest
