// What travels between a worker and the interposer that is preloaded into its QEMU. Plain structs,
// one host, one build: native layout, and a version that both sides compare.
//
// The worker makes a SOCK_SEQPACKET pair, writes one Config into its end before QEMU is started,
// and names QEMU's end in the environment variable kSocketVariable. The interposer reads the Config
// in its constructor, before main(), and answers every Command with one Reply, in order. Anything
// unexpected ends QEMU with a message on standard error and kFatalExit: an interposer that goes on
// with half a configuration would produce false results. QEMU must inherit every descriptor that is
// named here (no close-on-exec); the interposer sets close-on-exec on them, and takes the variable
// out of the environment, so that QEMU's own children get neither.
#pragma once

#include <cstdint>

namespace snaphammer::interposer {

inline constexpr char kSocketVariable[] = "SNAPHAMMER_INTERPOSER_FD";
inline constexpr std::uint32_t kWireVersion = 1;
/// The exit status of a QEMU that the interposer ended; its last line on standard error says why.
inline constexpr int kFatalExit = 86;

struct Config {
  std::uint32_t version = kWireVersion;
  /// Restore: register the mapping of RAM with userfaultfd and hand it off on `handoff_socket`, a
  /// Unix stream socket on which the page server listens already. Happens inside the mmap() that
  /// completes RAM.
  std::uint32_t hand_off = 0;
  /// Guest RAM is recognised by the identity of its memory file (fstat's st_dev and st_ino),
  /// however QEMU opened it. QEMU must map it shared.
  std::uint64_t ram_device = 0;
  std::uint64_t ram_inode = 0;
  /// Without the privilege for kernel-mode faults: register with UFFD_USER_MODE_ONLY (enough under
  /// TCG).
  std::uint32_t user_mode_only_allowed = 0;
  char handoff_socket[108] = {};  ///< NUL-terminated path.
  /// The descriptor that QEMU gets as vhostfd=N. It is recognised by its identity too, so it needs
  /// an inode of its own: a memfd or a socket, not an eventfd. It may be packet_fd itself.
  std::int32_t vhost_fd = -1;
  /// The SOCK_SEQPACKET socket for packets (see below); -1, as vhost_fd: no vsock.
  std::int32_t packet_fd = -1;
};

/// Packets on `packet_fd`, both ways: one message is one vsock packet, header (struct
/// virtio_vsock_hdr, 44 bytes, little-endian, VIRTIO 1.2 section 5.10.6) and payload, at most
/// kMaxPacket bytes, where the header's `len` is the payload's length. A packet for the guest that
/// is longer than the guest's receive buffer reaches it as several packets with the same header but
/// for `len`. Packets from the guest are untrusted in everything but their length: addresses,
/// ports, type, operation and credit are as the guest wrote them. When the worker closes its end,
/// vsock is dead for the rest of this QEMU's life.
inline constexpr std::uint32_t kMaxPayload = 64 * 1024;
inline constexpr std::uint32_t kMaxPacket = 44 + kMaxPayload;

enum class CommandKind : std::uint32_t {
  /// Discard [offset, offset + length) of guest RAM (madvise MADV_REMOVE on the mapping),
  /// page-aligned. With a
  /// hand-off the kernel answers when the page server has read the REMOVE event, so the Reply comes
  /// after that.
  kRemove = 1,
};

struct Command {
  CommandKind kind = CommandKind::kRemove;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct Reply {
  /// errno of what failed, or 0. EINVAL: range not page-aligned, empty, or outside RAM; ENODEV: RAM
  /// not mapped yet.
  std::int32_t error = 0;
};

}  // namespace snaphammer::interposer
