// One cycle of port forwarding, from a start to the stop that follows: its timer, its scans and its forwarders.
//
//   auto cycle = Forwarding::begin(executor, reaper, options, Forwarders::kSupervised);   // scans as soon as its caller has gone on
//   ...
//   co_await cycle->end();                                   // nothing of it is left
//
// Every scan looks which ports are listened on. One that is new gets a forwarder; one that is gone loses its; one that is
// listened on elsewhere gets another; a forwarder that has ended is started again, at once first and then ever more
// seldom. One io_context thread.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "guest-workloads/agent/ports/forwarder.h"
#include "guest-workloads/agent/ports/listening_ports.h"
#include "lib/agent/agent_policy.h"
#include "lib/agent/ports_protocol.h"
#include "lib/base/units.h"

namespace snaphammer::guest {

/// `socat`, from the vsock port that belongs to this TCP port.
Command vsock_forwarder(const ListeningPort& port);

struct PortsOptions {
  std::filesystem::path proc_net = "/proc/net";
  std::function<Command(const ListeningPort&)> forwarder = vsock_forwarder;
  std::string program = "socat";  ///< What `forwarder` needs. A guest whose PATH has none forwards nothing.
  Duration scan_interval = std::chrono::seconds(1);
  Duration longest_backoff = std::chrono::seconds(30);  ///< Between two starts of a forwarder that ends at once.
  std::size_t most = 256;                               ///< Ports forwarded; of more, the lowest.
};

class Forwarding : public std::enable_shared_from_this<Forwarding> {
 public:
  static std::shared_ptr<Forwarding> begin(const asio::any_io_executor& executor, Reaper& reaper,
                                           const PortsOptions& options, agent::Forwarders care);

  /// From now on.
  void set_care(agent::Forwarders care) { care_ = care; }
  void scan();
  std::vector<agent::PortInfo> ports() const;
  /// No more scans, and returns when every forwarder is gone. One that is abandoned is neither ended nor awaited.
  Awaitable<void> end();
  /// No more scans.
  void cancel();

 private:
  struct Port {
    std::string wanted;  ///< Where its connections are to go; empty: nobody listens any more.
    std::shared_ptr<Forwarder> forwarder;
    std::string address;     ///< Where `forwarder` carries them.
    bool dismissed = false;  ///< `forwarder` was told to end: its port went, or is elsewhere now.
    TimePoint started;
    TimePoint not_before;  ///< The next start.
    Duration backoff{};
    std::uint64_t starts = 0;
    std::string complaint;
  };

  Forwarding(const asio::any_io_executor& executor, Reaper& reaper, const PortsOptions& options,
             agent::Forwarders care);
  Awaitable<void> scan_again_and_again();
  void look_after(std::uint16_t number, Port& port);
  bool may_start(const Port& port) const;
  void start(std::uint16_t number, Port& port);
  void note_end(Port& port);

  asio::any_io_executor executor_;
  Reaper& reaper_;
  const PortsOptions& options_;
  agent::Forwarders care_;
  asio::steady_timer timer_;
  Event scans_ended_;
  bool ending_ = false;
  std::map<std::uint16_t, Port> ports_;
};

}  // namespace snaphammer::guest
