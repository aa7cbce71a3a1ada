// HandoffRelay: stands between a VMM and its page-fault handler while memory is handed over: records the hand-off, may
// spoil it on purpose, and keeps a descriptor by which the kernel tells how many faults wait.
//
//   SNAP_ASSIGN(auto relay, HandoffRelay::start({.from = "/run/x/uffd", .to = "/run/x/handler", .on_event = ...}));
//   ... start the handler, which listens at `to`, then the VMM, which connects to `from` ...
//   relay->waiting_faults();
//
// A thread of its own passes the message and the descriptor on as they came, then holds both connections: when one side
// closes its own, the relay closes the other, as if they were one. Any thread may call.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "lib/base/result.h"
#include "lib/uffd/handoff.h"
#include "lib/uffd/handoff_listener.h"
#include "lib/uffd/stop_signal.h"
#include "lib/uffd/userfaultfd.h"

namespace snaphammer::uffd {

/// How a hand-off is spoiled on its way.
enum class BadHandoff {
  kNoDescriptor,  ///< The message comes without the userfaultfd.
  kTruncated,     ///< The JSON ends in its middle.
  kWrongSize,     ///< The regions say half of their size.
  kOverlap,       ///< The first region is there twice.
};

struct SpoiledHandoff {
  BadHandoff how = BadHandoff::kTruncated;
  std::function<void()> on_act = {};  ///< Called on the relay's thread, just before it sends what it has spoiled.
};

class HandoffRelay {
 public:
  struct Options {
    std::filesystem::path from;  ///< Where the VMM connects.
    std::filesystem::path to;    ///< Where the handler listens, now or within kHandoffLimit from the VMM's connection.
    std::optional<SpoiledHandoff> spoil = {};
    /// Called once, on the relay's thread: with the message once it has been passed on, or with why it was not.
    std::function<void(const Result<std::string>&)> on_relayed = {};
  };
  static Result<std::unique_ptr<HandoffRelay>> start(Options options);
  ~HandoffRelay();

  /// All faults of the VMM that wait, by the kernel's own count. None before the hand-off.
  Result<WaitingFaults> waiting_faults() const;

 private:
  HandoffRelay(Options options, HandoffListener listener)
      : options_(std::move(options)), listener_(std::move(listener)) {}
  void run();
  Result<std::string> relay(UniqueFd& vmm, UniqueFd& handler);
  Result<UniqueFd> connect_to_handler(TimePoint deadline) const;
  Result<void> pass_on(int handler, const Handoff& handoff) const;

  const Options options_;
  HandoffListener listener_;
  StopSignal stop_;
  std::unique_ptr<Userfaultfd> owned_uffd_;
  std::atomic<const Userfaultfd*> uffd_ = nullptr;
  std::thread thread_;
};

}  // namespace snaphammer::uffd
