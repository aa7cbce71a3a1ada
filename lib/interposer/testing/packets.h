// vsock packets for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "lib/interposer/abi.h"
#include "lib/interposer/owned_fd.h"
#include "lib/interposer/wire.h"

namespace snaphammer::interposer::testing {

/// The header of a stream packet with `length` bytes of payload.
inline PacketHeader header_for(std::uint32_t length) {
  PacketHeader header = {};
  header.src_cid = 2;
  header.dst_cid = 3;
  header.src_port = 1024;
  header.dst_port = 52;
  header.len = length;
  header.type = VIRTIO_VSOCK_TYPE_STREAM;
  header.op = VIRTIO_VSOCK_OP_RW;
  return header;
}

inline std::string bytes_of(const PacketHeader& header) {
  return std::string(reinterpret_cast<const char*>(&header), sizeof header);
}

inline std::string packet_with(std::string_view payload) {
  return bytes_of(header_for(static_cast<std::uint32_t>(payload.size()))) + std::string(payload);
}

/// What its header says is the payload's length.
inline std::uint32_t length_in(std::string_view packet) {
  PacketHeader header = {};
  std::memcpy(&header, packet.data(), sizeof header);
  return header.len;
}

inline std::string_view payload_of(std::string_view packet) { return packet.substr(sizeof(PacketHeader)); }

/// A pair of packet sockets: `worker` is the test's end.
struct SocketPair {
  SocketPair() {
    int fds[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    worker = OwnedFd(fds[0]);
    device = OwnedFd(fds[1]);
  }
  void send(std::string_view packet) const {
    if (::send(worker.get(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0) std::abort();
  }
  /// The next packet from the guest; empty when there is none.
  std::string receive(int flags = MSG_DONTWAIT) const {
    std::string packet(kMaxPacket + 1, '\0');
    const ssize_t got = ::recv(worker.get(), packet.data(), packet.size(), flags);
    packet.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return packet;
  }
  OwnedFd worker;
  OwnedFd device;
};

}  // namespace snaphammer::interposer::testing
