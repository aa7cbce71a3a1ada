// The inside of Host: the tables of connections, and the ways a packet takes through the filters.
//
//   from the guest:  PacketSocket -> take_message -> PacketGate -> deliver -> Connection -> client
//   to the guest:    client -> Connection -> next_to_send -> PacketGate -> send_packets -> PacketSocket
//
// Whatever changes a connection calls settle(), which alone looks at what has to follow: a packet to send, bytes
// for the client, or the end. Packets to the guest are pulled, one at a time, when the socket has room.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "lib/vsock/client_link.h"
#include "lib/vsock/door.h"
#include "lib/vsock/host.h"
#include "lib/vsock/packet_gate.h"
#include "lib/vsock/packet_socket.h"

namespace snaphammer::vsock {

/// Host-initiated connections have ports from here to 2^31 (as Firecracker's), so that they are easily told apart.
inline constexpr std::uint32_t kFirstHostPort = 1U << 30;
inline constexpr std::uint32_t kLastHostPort = (1U << 31) - 1;

class Host::Impl : public std::enable_shared_from_this<Host::Impl> {
 public:
  Impl(const asio::any_io_executor& executor, HostOptions options, PacketSocket packets);

  Result<void> open_door();
  void run();
  void stop();
  Event& ended() { return ended_; }
  std::size_t reset_all(CloseReason reason);
  bool reset(std::uint64_t id, CloseReason reason);
  bool refuse(std::uint32_t guest_port, std::uint32_t host_port);
  std::vector<ConnectionInfo> connections() const;
  HostCounters counters() const;
  void add_filter(std::shared_ptr<PacketFilter> filter);
  void remove_filter(const PacketFilter& filter);

 private:
  /// Tells connections apart; there is one guest.
  struct Ports {
    std::uint32_t host_port;
    std::uint32_t guest_port;
    auto operator<=>(const Ports&) const = default;
  };
  /// An RST, which outlives the connection that it ends.
  struct Rst {
    Packet packet;
    std::optional<ConnectionInfo> connection;
    bool filtered = true;  ///< False for an RST that a filter itself has ordered.
  };
  using Link = std::shared_ptr<ClientLink>;

  // The packet pump, in host_pump.cpp.
  static Awaitable<void> receive_packets(std::shared_ptr<Impl> self);
  static Awaitable<void> send_packets(std::shared_ptr<Impl> self);
  static Awaitable<void> release_packets(std::shared_ptr<Impl> self);
  void take_message(std::span<const std::byte> message);
  std::optional<Packet> next_to_send();
  std::optional<Packet> through_gate(Packet packet, const ConnectionInfo* connection);
  void order_reset(Direction direction, const Header& header);
  void watch_gate();
  void send_rst(Rst rst);
  void transport_ended();

  // Connections, in host_connections.cpp.
  void deliver(const Packet& packet);
  void open_from_guest(const Packet& request);
  void open_to_guest(UnixSocket client, std::uint32_t guest_port, const std::string& rest);
  std::optional<UnixSocket> connect_listener(std::uint32_t port);
  Link add_link(UnixSocket socket, Connection connection, Initiator initiator);
  Link find(const Ports& ports) const;
  bool is_full(Initiator initiator) const;
  std::uint32_t take_host_port();
  void settle(ClientLink& link);
  void retire(ClientLink& link, bool filtered = true);

  asio::any_io_executor executor_;
  HostOptions options_;
  PacketSocket packets_;
  PacketGate gate_;
  std::optional<Door> door_;
  Event ended_;
  Event may_send_;
  asio::steady_timer gate_timer_;
  bool running_ = true;

  std::map<std::uint64_t, Link> links_;  // By id: everything with an open client.
  std::map<Ports, Link> by_ports_;       // Of those, the ones that the guest still knows.
  std::uint64_t next_id_ = 1;
  std::uint32_t next_host_port_;

  // What waits to be sent, in order of precedence; all bounded.
  std::deque<Packet> released_;  // Passed the gate already, by the gate's own bounds.
  std::deque<Rst> rsts_;
  std::deque<Link> ready_;  // Links whose connection has a packet, each once.

  HostCounters counters_;
};

}  // namespace snaphammer::vsock
