// The host's end of the guest's output connection: who listens here learns when the guest is ready
// again after a restore, and gets its lines.
//
//   SNAP_ASSIGN(auto output, OutputListener::listen(executor, door, [&](const OutputLine& line) {
//   ... }));
//   ... restore ...
//   CO_SNAP_ASSIGN(Ready ready, co_await output->wait_ready(epoch_before));
//
// It listens on the Unix socket `<door>_1025` from listen() until it is destroyed, and removes the
// socket then. One connection counts at a time: a newer one replaces the older. All on one
// io_context thread.
//
// Lines are untrusted: one that is too long, not strict JSON or out of sequence (backwards) ends
// its connection and is reported by violation() and by wait_ready(). Lost lines are no violation:
// OutputLine::lost_before counts them. Those that were lost with a connection are in the nature of it; those missing
// inside of one are in gap().
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/any_io_executor.hpp>

#include "lib/agent/output_protocol.h"
#include "lib/base/async.h"

namespace snaphammer::agent {

/// Which of the guest's output connections the host listens to.
enum class OutputTaken {
  kLatest,  ///< A newer one replaces the older.
  kFirst,   ///< Later ones are never taken from the socket: the guest writes to nobody.
};

class OutputListener {
 public:
  using OnLine = std::function<void(const OutputLine&)>;

  /// `on_line` is called for each line in order; it must not destroy the listener.
  static Result<std::unique_ptr<OutputListener>> listen(const asio::any_io_executor& executor,
                                                        const std::filesystem::path& door, OnLine on_line,
                                                        OutputTaken taken = OutputTaken::kLatest);
  ~OutputListener();
  OutputListener(const OutputListener&) = delete;
  OutputListener& operator=(const OutputListener&) = delete;

  /// Returns when the guest has said `ready` with an epoch above `after_epoch`, at once when it
  /// already has. Errors: kInvalid after a violation, kCancelled.
  Async<Ready> wait_ready(std::uint64_t after_epoch);

  /// Returns when a connection is open that said `ready` with at least `epoch`, and every line before number `seq` has
  /// come or is known to be lost. Errors as wait_ready().
  Async<void> wait_caught_up(std::uint64_t epoch, std::uint64_t seq);

  /// Lines that were missing while their connection lived.
  struct Gap {
    std::uint64_t after_seq{};  ///< Before the first of them.
    std::uint64_t lines{};      ///< All that are missing.
  };
  const std::optional<Gap>& gap() const;
  /// The sequence number that is expected next; 0 before the first `ready`.
  std::uint64_t next_seq() const;

  /// The latest `ready`; epoch 0 before the first.
  const Ready& latest() const;
  /// Whether a connection that said `ready` is open now.
  bool connected() const;
  /// The first line that broke the protocol.
  const std::optional<Error>& violation() const;

 private:
  struct State;
  explicit OutputListener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace snaphammer::agent
