// One vsock stream connection as a state machine without sockets, timers or threads.
//
// On one side stands the guest, in packets: receive() takes what it sent, next_packet() says what
// to send to it now. On the other side stands the client, in bytes: push() takes what it wrote,
// front() and consume() give it what the guest sent.
//
//   Connection connection = Connection::to_guest(addresses, {});
//   send(*connection.next_packet());                                  // REQUEST
//   connection.receive(std::move(response));                          // established
//   connection.push(bytes);                                           // at most room()
//   while (auto packet = connection.next_packet()) send(*packet);     // at most what the guest has
//   credit for
//
// Packets are made when they are asked for and never queued, so each carries the newest credit, and
// whoever cannot send just stops asking: the buffers below fill, room() falls to 0 and the client
// has to wait. Memory is bounded by buf_alloc + send_buffer. Every byte of a packet is taken to be
// hostile: what breaks the protocol ends this connection with a reset and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/base/units.h"
#include "lib/vsock/byte_queue.h"
#include "lib/vsock/packet.h"

namespace snaphammer::vsock {

/// What tells a guest's connections apart, and where they go.
struct Addresses {
  std::uint64_t guest_cid = 0;
  std::uint32_t guest_port = 0;
  std::uint32_t host_port = 0;
};

struct ConnectionLimits {
  /// What the guest may send ahead of the client: our receive buffer. At least 1.
  std::uint32_t buf_alloc = 256_KiB;
  /// What the client may send ahead of the guest.
  std::size_t send_buffer = 256_KiB;
  /// Payload of one packet to the guest, 1 to kMaxPayload.
  std::uint32_t max_payload = kMaxPayload;
};

enum class ConnectionState {
  kConnecting,   ///< REQUEST is sent or about to be.
  kEstablished,  ///< Possibly half closed.
  kClosed,       ///< No more packets; the client may still have bytes to fetch.
};
std::string_view name_of(ConnectionState state);

enum class CloseReason {
  kNone,               ///< Not closed.
  kRefused,            ///< The guest answered the REQUEST with RST: no listener.
  kGuestClosed,        ///< In order: the guest sends and receives no more.
  kClientClosed,       ///< In order: we said that, and the guest confirmed it with RST.
  kGuestReset,         ///< RST out of turn.
  kClientReset,        ///< The client gave up with bytes unread.
  kProtocolViolation,  ///< The guest sent what the state does not allow.
  kCreditViolation,    ///< The guest sent beyond our buffer, or confirmed bytes that were never sent.
  kTimeout,            ///< No answer to REQUEST or to SHUTDOWN in time.
  kHostReset,          ///< reset() by the host's own decision: drained, restored, stopped.
  kInjected,           ///< reset() by a fault.
  kTransportGone,      ///< The VMM ended.
};
std::string_view name_of(CloseReason reason);

class Connection {
 public:
  /// The host asks the guest; its first packet is REQUEST.
  static Connection to_guest(const Addresses& addresses, const ConnectionLimits& limits);
  /// The guest asked (`request` is its REQUEST) and is accepted; its first packet is RESPONSE.
  static Connection from_guest(const Header& request, const ConnectionLimits& limits);

  // The guest's side.

  /// Takes a packet of this connection. Anything is allowed in it except another connection's
  /// addresses.
  void receive(const Packet& packet);
  /// Whether next_packet() has one.
  bool has_packet() const { return next_op().has_value(); }
  /// The next packet to send to the guest, if there is one at this moment. RST is never among them:
  /// see owes_rst().
  std::optional<Packet> next_packet();

  // The client's side.

  /// How many bytes push() takes now; 0 when the buffer is full or nobody will receive them.
  std::size_t room() const;
  void push(std::span<const std::byte> bytes);
  /// Whether push() may ever take bytes again.
  bool takes_bytes() const;
  /// The client sends no more: SHUTDOWN follows its last byte.
  void finish_sending();
  /// The client receives no more: the guest is told, and what it sends is thrown away.
  void stop_receiving();
  /// The next bytes for the client, in order; empty when there are none now.
  std::span<const std::byte> front() const { return received_.front(); }
  /// The client has got the first `size` bytes of front().
  void consume(std::size_t size);
  /// Nothing more will come out of front().
  bool at_end() const;

  // The end.

  /// Ends it at once and throws away what is buffered. No effect when closed.
  void reset(CloseReason reason);
  /// The VMM ended: no more packets; bytes that the guest had sent can still be fetched.
  void lose_transport() { close(CloseReason::kTransportGone); }
  ConnectionState state() const { return state_; }
  CloseReason close_reason() const { return close_reason_; }
  /// Whether the guest has to be told of the end by RST; becomes true with kClosed or not at all.
  bool owes_rst() const { return owes_rst_; }
  /// Both directions are shut and the guest has yet to confirm it: do not wait for ever.
  bool awaits_confirmation() const;
  /// The RST that tells of the end.
  Packet rst() const;

  const Addresses& addresses() const { return addresses_; }
  std::size_t buffered_to_client() const { return received_.size(); }
  std::size_t buffered_to_guest() const { return unsent_.size(); }
  /// How many bytes the guest can take now.
  std::uint32_t credit() const;
  /// Credit fields that confirmed less than an earlier packet did; they are ignored.
  std::uint64_t stale_credits() const { return stale_credits_; }

 private:
  Connection(const Addresses& addresses, const ConnectionLimits& limits, ConnectionState state);

  std::optional<Op> next_op() const;
  std::uint32_t due_shutdown() const;
  bool owes_credit_update() const;
  bool take_credit(const Header& header);
  void receive_bytes(const std::vector<std::byte>& payload);
  void receive_shutdown(std::uint32_t flags);
  Packet make_packet(Op op);
  void close(CloseReason reason);

  Addresses addresses_;
  ConnectionLimits limits_;
  ConnectionState state_;
  CloseReason close_reason_ = CloseReason::kNone;
  bool owes_rst_ = false;

  // Client to guest. Counts are modulo 2^32, as on the wire.
  ByteQueue unsent_;
  std::uint32_t sent_ = 0;
  std::uint32_t peer_fwd_cnt_ = 0;
  std::uint32_t peer_buf_alloc_ = 0;
  std::uint64_t confirmed_ = 0;  // Bytes that the guest has taken, not modulo anything.
  std::uint64_t stale_credits_ = 0;
  bool client_finished_ = false;
  bool guest_stopped_receiving_ = false;
  bool asked_for_credit_ = false;

  // Guest to client.
  ByteQueue received_;
  std::uint32_t fwd_cnt_ = 0;
  std::uint32_t told_fwd_cnt_ = 0;
  bool credit_update_asked_ = false;
  bool client_stopped_receiving_ = false;
  bool guest_finished_ = false;

  bool owes_response_ = false;
  bool owes_request_ = false;
  std::uint32_t told_shutdown_ = 0;
};

}  // namespace snaphammer::vsock
