// Pump: the thread that moves one direction's packets while its queue runs.
//
//   Pump pump("snap-vsock-rx", direction, socket);
//   pump.start(setup, memory, log, kick);
//   pump.call().set(call);                       // at any time, also while running
//   pump.stop();                                 // the ring is touched no more
//   pump.position();                             // for VHOST_GET_VRING_BASE
//
// Each direction has a thread of its own, so that neither back-pressure nor a page fault in one ever
// holds up the other. The thread waits in poll(2) for what its direction waits for, and for stop().
//
// Locks and page faults. After a restore guest memory is served by a page server, so any access to
// it may take as long as that server wants, and if the server is dead, for ever. The thread touches
// guest memory with no lock held, so every other call here returns at once, whatever it faults on.
// Only stop() has to wait for it: nobody can take back an access that is under way, and to return
// earlier would let QEMU save, unmap or replace memory that is still being written. What it waits
// for is the rest of at most one batch of packets; a QEMU whose page server is dead hangs here as
// it would at its own next access.
//
// start(), stop(), position() and is_broken() belong to one caller at a time; signals to any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "lib/interposer/direction.h"
#include "lib/interposer/owned_fd.h"
#include "lib/interposer/signal.h"
#include "lib/interposer/thread.h"
#include "lib/interposer/vring.h"

namespace snaphammer::interposer {

class Pump {
 public:
  /// `thread_name` has at most 15 characters. Direction and socket outlive the pump.
  Pump(const char* thread_name, Direction& direction, int socket);
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;
  ~Pump() { stop(); }

  /// `setup` has passed Vring::check(). `memory` and `kick` stay as they are until stop(); a `kick` of
  /// -1 never comes.
  void start(const VringSetup& setup, const GuestMemory& memory, DirtyLog log, int kick);
  /// Returns when the thread has ended; at once when there is none.
  void stop();
  bool is_running() const { return running_; }

  /// Of the ring that was stopped last: the next available entry, and whether the guest broke it.
  std::uint16_t position() const { return ring_ ? ring_->position() : 0; }
  bool is_broken() const { return ring_ && ring_->defect() != nullptr; }

  /// Raised when the guest wants an interrupt.
  Signal& call() { return call_; }
  /// Raised when the ring breaks.
  Signal& error() { return error_; }

 private:
  void run();
  void wait_for(Wait wait);

  const char* const thread_name_;
  Direction& direction_;
  const int socket_;
  OwnedFd wake_;
  int kick_ = -1;
  Signal call_;
  Signal error_;
  std::optional<Vring> ring_;
  std::atomic<bool> stopping_ = false;
  bool running_ = false;
  Thread thread_;
};

}  // namespace snaphammer::interposer
