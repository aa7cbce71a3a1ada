// Userfaultfd: the kernel's interface (userfaultfd(2), ioctl_userfaultfd(2)) in the page server's terms.
//
//   Userfaultfd uffd(std::move(handoff.userfaultfd));
//   SNAP_TRY(uffd.read(events));
//   const Installed copied = uffd.copy(address, bytes);
//   if (copied.error == EEXIST) uffd.wake(address, bytes.size());
//
// Thread-safe, as the kernel's interface is. No call blocks beyond the work that it does.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer::uffd {

struct MemoryEvent {
  enum class Kind { kFault, kRemove, kUnmap, kRemap, kFork };
  Kind kind = Kind::kFault;
  std::uint64_t address = 0;  ///< Of the fault, or where the range begins (kRemap: began).
  ByteCount length = 0;       ///< Of the range; 0 for a fault.
  std::uint64_t to = 0;       ///< kRemap: where the range begins now.
  UniqueFd child = {};        ///< kFork: the child's userfaultfd.
};

/// How far a copy or a zero-fill came. `error` is 0 when all of it is done, else the errno value that stopped it:
/// EEXIST (the page after `done` is there already), EAGAIN (an event is pending or the mapping is changing),
/// ENOENT (that range is not registered any more), ESRCH (the process is gone).
struct Installed {
  ByteCount done = 0;
  int error = 0;
};

struct WaitingFaults {
  std::uint64_t unread = 0;  ///< Of these the page server has not heard yet.
  std::uint64_t all = 0;
};

class Userfaultfd {
 public:
  /// Takes a descriptor that has passed the UFFDIO_API handshake, and makes it non-blocking.
  static Result<Userfaultfd> adopt(UniqueFd fd);

  int fd() const { return fd_.get(); }

  /// Appends the events that can be read now, at most kBatch of them. True when there may be more.
  Result<bool> read(std::vector<MemoryEvent>& events) const;
  /// Installs `bytes` at `address` and wakes who waits there.
  Installed copy(std::uint64_t address, std::span<const std::byte> bytes) const;
  /// Installs zero pages and wakes who waits there. The kernel has it for 4 KiB pages only.
  Installed zero(std::uint64_t address, ByteCount length) const;
  /// Wakes threads that wait for pages which are there.
  void wake(std::uint64_t address, ByteCount length) const;
  /// Takes a range out: its pages are the kernel's again, and whoever waits there goes on.
  Result<void> unregister(std::uint64_t address, ByteCount length) const;
  /// How many threads wait at page faults now, by the kernel's own count (fdinfo, in fs/userfaultfd.c).
  Result<WaitingFaults> waiting() const;
  /// Whether the process whose memory this is has ended.
  bool process_gone(std::uint64_t address) const;

  static constexpr std::size_t kBatch = 64;

 private:
  explicit Userfaultfd(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace snaphammer::uffd
