// The host side of one guest's vsock: raw packets on one end, Unix sockets on the other.
//
//   SNAP_ASSIGN(auto host, Host::start(executor, {.packets = vm->take_vsock_packets(), .path = "/.../v.sock",
//                                                 .guest_cid = 3}));
//   // A client connects to /.../v.sock, writes "CONNECT 52\n", reads "OK 1073741824\n": bytes both ways.
//   // The guest connects to port 700 of CID 2: the host connects to /.../v.sock_700, or answers RST.
//   host->reset_all(CloseReason::kHostReset);
//   co_await host->ended().wait();                                       // the VMM closed its end
//
// The protocol on the Unix sockets is Firecracker's (its docs/vsock.md), so that clients and tools
// work with both backends; beyond it, half closes are passed on in both directions.
//
// One packet socket, one guest, one Host. A Host that gets packets of connections it does not know,
// as after a restore, answers RST. While a guest is paused its connections simply wait. Everything
// belongs to the one thread that runs `executor`; nothing locks, and nothing blocks: a slow client,
// a full packet socket or a guest without credit holds up only its own connection. Destroying a
// Host is stop(); what is still queued on the executor afterwards does nothing.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "lib/base/async.h"
#include "lib/base/unique_fd.h"
#include "lib/vsock/connection_info.h"
#include "lib/vsock/packet_filter.h"

namespace snaphammer::vsock {

/// A packet as it came by; references live for the call only.
struct PacketTrace {
  const PacketContext& context;
  VerdictKind verdict;
  TimePoint at;
};

struct HostOptions {
  UniqueFd packets;            ///< SOCK_SEQPACKET; one message is one packet.
  std::filesystem::path path;  ///< The door; must not exist, at most 96 bytes long.
  std::uint64_t guest_cid = 3;
  ConnectionLimits limits;
  /// Live connections that each side may have opened, so that a guest cannot use up the host's
  /// share.
  std::size_t max_connections = 1024;
  /// Clients that have not finished their CONNECT line; more of them wait in the socket's backlog.
  std::size_t max_pending = 64;
  Duration line_timeout = std::chrono::seconds(5);      ///< For a client to write its CONNECT line.
  Duration connect_timeout = std::chrono::seconds(10);  ///< For the guest to answer REQUEST.
  Duration close_timeout = std::chrono::seconds(30);    ///< For the guest to end what its client has left.
  /// First of the ports given to host-initiated connections, at least 2^30; nothing: random, since
  /// a restored guest remembers connections of the Host before.
  std::optional<std::uint32_t> first_host_port;
  std::function<void(const PacketTrace&)> trace;  ///< Called for each packet with what became of it.
};

/// What has happened since start.
struct HostCounters {
  std::uint64_t packets_from_guest = 0;
  std::uint64_t packets_to_guest = 0;
  std::uint64_t malformed = 0;       ///< Not a packet at all; dropped.
  std::uint64_t wrong_address = 0;   ///< A CID that is not the guest's or not the host's; dropped.
  std::uint64_t wrong_type = 0;      ///< Not a stream; answered by RST.
  std::uint64_t strays = 0;          ///< Of no known connection; answered by RST unless RST.
  std::uint64_t resets_dropped = 0;  ///< RSTs that were not sent because too many were waiting.
  std::uint64_t held_dropped = 0;    ///< Packets that no longer fitted where delayed and stalled ones wait.
  std::uint64_t opened_by_host = 0;
  std::uint64_t opened_by_guest = 0;
  std::uint64_t closed = 0;
  std::uint64_t refused_by_guest = 0;  ///< RST to our REQUEST.
  std::uint64_t refused_by_host = 0;   ///< Nobody listens on the Unix socket.
  std::uint64_t over_limit = 0;        ///< Refused for max_connections, either side.
  std::uint64_t violations = 0;        ///< Connections ended because the guest broke the protocol or its credit.
  std::uint64_t bad_lines = 0;         ///< Clients at the door that wrote no proper CONNECT line.
  std::uint64_t late_lines = 0;        ///< Those that did not finish it in time.
};

class Host {
 public:
  /// Opens the door and starts to serve. kInvalid for options or a descriptor that cannot work.
  static Result<std::unique_ptr<Host>> start(const asio::any_io_executor& executor, HostOptions options);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Closes the door (and unlinks it), all connections and the packet socket, at once. Idempotent.
  void stop();

  /// Set when the packet socket was closed by the other side: the VMM ended. The door and all
  /// connections are closed by then; clients may still fetch what the guest had sent.
  Event& ended();

  /// Ends every live connection: RST to the guest, the client's socket closed. Returns how many
  /// there were.
  std::size_t reset_all(CloseReason reason);
  /// Ends one; false when there is no such live connection.
  bool reset(std::uint64_t id, CloseReason reason);

  /// Tells the guest by RST that the host does not know a connection (a restored guest may take it for live, and never
  /// send anything on it that would be answered so). Filters are asked. False when the host does know it: see reset().
  bool refuse(std::uint32_t guest_port, std::uint32_t host_port);

  /// All live connections, oldest first.
  std::vector<ConnectionInfo> connections() const;
  HostCounters counters() const;

  /// From now on `filter` is asked about packets; with several, the first that does not say kPass
  /// decides.
  void add_filter(std::shared_ptr<PacketFilter> filter);
  /// Stops asking it. Packets stalled by it are decided anew by the filters that remain.
  void remove_filter(const PacketFilter& filter);

 private:
  class Impl;
  explicit Host(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace snaphammer::vsock
