// The two binary interfaces the interposer speaks: vhost's ioctls (from the kernel's own header) and
// the split virtqueue in guest memory (VIRTIO 1.2, section 2.7), with the names used in this folder.
#pragma once

// <linux/vhost.h> includes <linux/virtio_ring.h>, which is not C++ (it assigns void* to typed
// pointers) and of which it uses nothing: keep it out, and define the ring's few constants here.
#define _LINUX_VIRTIO_RING_H  // NOLINT(bugprone-reserved-identifier)
#include <bit>
#include <cstdint>

#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_vsock.h>

namespace snaphammer::interposer {

static_assert(std::endian::native == std::endian::little, "rings and packets are little-endian and used as they are");

// Feature bits of the ring, as masks.
inline constexpr std::uint64_t kFeatureNotifyOnEmpty = 1ULL << VIRTIO_F_NOTIFY_ON_EMPTY;
inline constexpr std::uint64_t kFeatureLogAll = 1ULL << VHOST_F_LOG_ALL;
inline constexpr std::uint64_t kFeatureAnyLayout = 1ULL << VIRTIO_F_ANY_LAYOUT;
inline constexpr std::uint64_t kFeatureIndirect = 1ULL << 28;
inline constexpr std::uint64_t kFeatureEventIndex = 1ULL << 29;
inline constexpr std::uint64_t kFeatureVersion1 = 1ULL << VIRTIO_F_VERSION_1;

/// One entry of a descriptor table, in the ring or indirect.
struct Descriptor {
  std::uint64_t address = 0;  ///< Guest physical.
  std::uint32_t length = 0;
  std::uint16_t flags = 0;  ///< kDescriptor...
  std::uint16_t next = 0;
};
static_assert(sizeof(Descriptor) == 16);

inline constexpr std::uint16_t kDescriptorNext = 1;
inline constexpr std::uint16_t kDescriptorWritable = 2;
inline constexpr std::uint16_t kDescriptorIndirect = 4;

/// One entry of the used ring: a chain given back, with what was written into it.
struct UsedElement {
  std::uint32_t id = 0;
  std::uint32_t length = 0;
};
static_assert(sizeof(UsedElement) == 8);

// The available and used rings: flags, index, then one entry per descriptor, then the other side's
// event index when VIRTIO_RING_F_EVENT_IDX was negotiated.
inline constexpr std::size_t kRingFlagsOffset = 0;
inline constexpr std::size_t kRingIndexOffset = 2;
inline constexpr std::size_t kRingEntriesOffset = 4;
inline constexpr std::uint16_t kAvailNoInterrupt = 1;
inline constexpr std::uint16_t kUsedNoNotify = 1;

inline constexpr std::uint32_t kMaxRingSize = 32768;

/// The packet header as the kernel declares it.
using PacketHeader = virtio_vsock_hdr;
static_assert(sizeof(PacketHeader) == 44);

}  // namespace snaphammer::interposer
