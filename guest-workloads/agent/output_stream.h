// The agent's own connection to the host: lines of agent/output_protocol.h, numbered.
//
//   OutputStream output(context, endpoint, [&] { return server.register_listener_again(); });
//   output.start();
//   output.emit("beat", {{"as", "zp"}, ...});
//
// After a snapshot is restored the guest kernel gets a transport reset: it kills every connected socket, this
// one too, and so its end is how the agent learns of the reset. It then re-registers the HTTP listener, connects
// again, and says `ready` with the next epoch, in this order: who reads that `ready` can ask the agent at once.
//
// Connecting is repeated while it fails, since a refusal has no event to wait for: after 1 ms, doubling up to
// 50 ms. Lines wait meanwhile; beyond a bound the oldest are dropped, which shows as a gap in the numbers.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "guest-workloads/agent/endpoint.h"
#include "lib/base/notice.h"

namespace snaphammer::guest {

class OutputStream {
 public:
  /// `listen_again` is called before each connection attempt; false means that the agent cannot serve any more.
  OutputStream(const asio::any_io_executor& executor, Endpoint host, std::string boot_id,
               std::function<bool()> listen_again);

  void start();
  void stop();

  /// Queues one line; never blocks.
  void emit(std::string_view type, nlohmann::json fields);

  /// Of the latest connection; 0 before the first.
  std::uint64_t epoch() const { return epoch_; }
  /// Of the line that is queued next.
  std::uint64_t next_seq() const { return next_seq_; }

 private:
  Awaitable<void> run();
  Awaitable<Socket> connect();
  Awaitable<void> send_lines(Socket& socket);
  Awaitable<void> watch(Socket& socket);

  asio::any_io_executor executor_;
  Endpoint host_;
  std::string boot_id_;
  std::function<bool()> listen_again_;
  std::deque<std::string> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t next_seq_ = 1;  ///< For the next line that is queued.
  std::uint64_t epoch_ = 0;
  bool broken_ = false;  ///< The present connection has ended.
  bool stopped_ = false;
  Notice changed_;
  asio::steady_timer retry_;
};

}  // namespace snaphammer::guest
