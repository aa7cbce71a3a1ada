// The device's side of one split virtqueue (VIRTIO 1.2, section 2.7) in the memory of a guest that is
// not trusted.
//
//   if (const char* defect = Vring::check(setup, memory)) ...refuse to start...
//   Vring ring(setup, memory, log);
//   ring.start();                                    // the first touch of guest memory
//   while (ring.next(chain) == Vring::Next::kChain) {
//     ring.gather(chain.readable(), 0, packet);      // or ring.scatter(chain.writable(), ...)
//     ring.complete(chain, written);                 // until then the chain is still available
//   }
//   if (ring.take_need_to_signal()) ...interrupt the guest...
//
// next() shows the oldest available chain without consuming it: a caller that cannot move the packet
// leaves it, and after a restart it is found again. Only complete() advances position().
//
// Untrusted means: every field is read once and the copy is checked; addresses are translated by
// GuestMemory only; a chain has at most kMaxChain descriptors, so that none loops. What breaks a
// rule breaks the ring: it says why in defect(), next() answers kBroken from then on, and the ring
// is written no more.
//
// One thread at a time. Any access may fault and then lasts as long as a page server needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/interposer/abi.h"
#include "lib/interposer/dirty_log.h"
#include "lib/interposer/guest_memory.h"

namespace snaphammer::interposer {

/// What the VMM told of a queue before it starts.
struct VringSetup {
  std::uint32_t size = 0;  ///< Entries, a power of two up to kMaxRingSize.
  std::byte* descriptors = nullptr;
  std::byte* available = nullptr;
  std::byte* used = nullptr;
  /// Where the used ring is for the dirty log; used when `log_used` is set.
  std::uint64_t used_guest_address = 0;
  bool log_used = false;
  std::uint16_t position = 0;  ///< Index of the next available entry.
  std::uint64_t features = 0;  ///< Negotiated with the guest (kFeature...).
};

/// A part of a guest buffer.
struct Segment {
  std::span<std::byte> bytes;
  std::uint64_t address = 0;  ///< Guest physical.
};

/// A descriptor chain: first what the device reads, then what it may write.
class Chain {
 public:
  std::span<const Segment> readable() const { return {segments_.data(), readable_count_}; }
  std::span<const Segment> writable() const { return std::span<const Segment>(segments_).subspan(readable_count_); }
  std::uint64_t readable_bytes() const { return readable_bytes_; }
  std::uint64_t writable_bytes() const { return writable_bytes_; }

 private:
  friend class Vring;
  std::uint16_t head_ = 0;
  std::vector<Segment> segments_;  // Keeps its capacity from one chain to the next.
  std::size_t readable_count_ = 0;
  std::uint64_t readable_bytes_ = 0;
  std::uint64_t writable_bytes_ = 0;
  std::uint32_t descriptors_ = 0;
};

class Vring {
 public:
  /// Descriptors in one chain, as the kernel's vhost bounds it (UIO_MAXIOV).
  static constexpr std::uint32_t kMaxChain = 1024;

  enum class Next { kChain, kEmpty, kBroken };

  /// Why a setup cannot be used: wrong size, alignment, or not wholly in guest memory; null when it
  /// can. Touches no guest memory.
  static const char* check(const VringSetup& setup, const GuestMemory& memory);

  /// `setup` passed check(). `memory` must outlive the ring. Touches no guest memory.
  Vring(const VringSetup& setup, const GuestMemory& memory, DirtyLog log)
      : setup_(setup), memory_(memory), log_(log), position_(setup.position) {}

  /// Takes up the used ring where guest memory says that it stands. Kicks start disabled.
  void start();

  Next next(Chain& chain);
  /// Gives the chain that next() showed back to the guest, with `written` bytes in it.
  void complete(const Chain& chain, std::uint32_t written);

  /// Copies out of a chain's segments, from byte `offset` of them on; the range must be inside.
  void gather(std::span<const Segment> from, std::uint64_t offset, std::span<std::byte> to) const;
  /// Copies into a chain's segments, and logs it.
  void scatter(std::span<const Segment> to, std::uint64_t offset, std::span<const std::byte> from) const;

  /// Whether the guest wants an interrupt for what was completed since the last call.
  bool take_need_to_signal();

  /// Asks the guest to kick for the next chain that it makes available. True when there is one
  /// already, for which no kick may come.
  bool enable_kicks();
  /// Tells the guest that kicks are not needed now; some may come all the same.
  void disable_kicks();

  /// Index of the next available entry that was not completed.
  std::uint16_t position() const { return position_; }

  /// Declares the ring broken, for what only the caller can see; `why` is a string literal.
  void break_off(const char* why) { defect_ = why; }
  /// Why the ring is broken, or null.
  const char* defect() const { return defect_; }

 private:
  bool has(std::uint64_t feature) const { return (setup_.features & feature) != 0; }
  std::uint16_t slot(std::uint16_t index) const { return static_cast<std::uint16_t>(index & (setup_.size - 1)); }
  std::uint16_t* available_event() const;
  std::uint16_t* used_event() const;
  void log_used(std::size_t offset, std::size_t length) const;
  Next broken(const char* why);

  const char* collect(Chain& chain) const;
  const char* collect_indirect(const Descriptor& table, Chain& chain) const;
  const char* append(const Descriptor& descriptor, Chain& chain) const;

  VringSetup setup_;
  const GuestMemory& memory_;
  DirtyLog log_;
  const char* defect_ = nullptr;
  std::uint16_t position_;
  std::uint16_t used_index_ = 0;
  bool completed_ = false;           // Since the last take_need_to_signal().
  std::uint16_t signalled_ = 0;      // used_index_ at that call.
  bool signalled_is_valid_ = false;  // False until the first one after start().
};

}  // namespace snaphammer::interposer
