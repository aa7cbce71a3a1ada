// What travels between a worker and the interposer that is preloaded into its QEMU. Plain structs, one host,
// one build: native layout, and a version that both sides compare.
//
// The worker makes a SOCK_SEQPACKET pair, writes one Config into its end before QEMU is started, and names
// QEMU's end in the environment variable kSocketVariable. The interposer reads the Config in its constructor,
// before main(), and answers every Command with one Reply. Anything unexpected ends QEMU with a message on
// standard error: an interposer that goes on with half a configuration would produce false results.
#pragma once

#include <cstdint>

namespace snaphammer::interposer {

inline constexpr char kSocketVariable[] = "SNAPHAMMER_INTERPOSER_FD";
inline constexpr std::uint32_t kWireVersion = 1;

struct Config {
  std::uint32_t version = kWireVersion;
  /// Guest RAM is recognised by the identity of its memory file (fstat), however QEMU opened it.
  std::uint64_t ram_device = 0;
  std::uint64_t ram_inode = 0;
  /// Restore: register the mapping of RAM with userfaultfd and hand it off on `handoff_socket`.
  std::uint32_t hand_off = 0;
  /// Without the privilege for kernel-mode faults: register with UFFD_USER_MODE_ONLY (enough under TCG).
  std::uint32_t user_mode_only_allowed = 0;
  char handoff_socket[108] = {};
  /// The descriptor that QEMU gets as vhostfd=N, and the SOCK_SEQPACKET socket for packets (see below); -1: no vsock.
  std::int32_t vhost_fd = -1;
  std::int32_t packet_fd = -1;
};

/// Packets on `packet_fd`, both ways: one message is one vsock packet, header (struct virtio_vsock_hdr, 44 bytes,
/// little-endian, VIRTIO 1.2 section 5.10.6) and payload, at most kMaxPacket bytes.
inline constexpr std::uint32_t kMaxPayload = 64 * 1024;
inline constexpr std::uint32_t kMaxPacket = 44 + kMaxPayload;

enum class CommandKind : std::uint32_t {
  kRemove = 1,  ///< Discard [offset, offset + length) of guest RAM (madvise MADV_REMOVE on the mapping).
};

struct Command {
  CommandKind kind = CommandKind::kRemove;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct Reply {
  std::int32_t error = 0;  ///< errno of what failed, or 0.
};

}  // namespace snaphammer::interposer
