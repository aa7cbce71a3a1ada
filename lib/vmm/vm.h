// Vm: the one interface to a virtual machine. A backend (qemu/, later firecracker/) implements it.
//
//   CO_SNAP_ASSIGN(auto vm, co_await backend.start(config, placement));   // process up, vCPUs stopped
//   CO_SNAP_TRY(co_await vm->resume());                                   // boots
//   CO_SNAP_TRY(co_await vm->pause());
//   CO_SNAP_TRY(co_await vm->save_state("/.../vmstate"));                 // RAM is read from vm->ram()
//
//   placement.memory_handoff = "/.../uffd.sock";                          // a page server listens there
//   CO_SNAP_ASSIGN(auto vm, co_await backend.start(config, placement));   // empty RAM, handed off
//   CO_SNAP_TRY(co_await vm->load("/.../vmstate"));                       // vCPUs still stopped
//   CO_SNAP_TRY(co_await vm->resume());
//
// All of it belongs to one io_context thread. Every operation is cancellable and fails with kGone,
// saying how the VMM ended, when the VMM ends at any moment. Destroying a Vm kills its process and
// reaps it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "lib/base/async.h"
#include "lib/base/child_process.h"
#include "lib/base/result.h"
#include "lib/base/units.h"
#include "lib/vmm/freeze_point.h"
#include "lib/vmm/vcpu_glance.h"

namespace snaphammer::vmm {

enum class Accel {
  kAuto,  ///< KVM when a probe ran a guest loop under it at a sane speed, else TCG.
  kKvm,
  kTcg,
};

/// `auto`, `kvm`, `tcg`.
std::string_view name_of(Accel accel);

/// The balloon device, which every machine has.
struct BalloonConfig {
  bool free_page_reporting = false;  ///< The guest reports free ranges; the VMM discards them at once.
  bool deflate_on_oom = false;
};

/// What the guest can see of its machine. A snapshot restores only into an equal one.
struct VmConfig {
  Accel accel = Accel::kAuto;
  ByteCount memory = 256_MiB;
  unsigned vcpus = 2;
  std::filesystem::path kernel;
  std::filesystem::path initramfs;
  std::vector<std::string> kernel_args;  ///< Appended to those that the backend needs itself.
  BalloonConfig balloon;
};

/// Where the host's side of one VM lives.
struct VmPlacement {
  std::filesystem::path directory;    ///< For sockets: short, private, exists already.
  std::filesystem::path console_log;  ///< The guest's console and kernel log, appended.
  std::filesystem::path vmm_log;      ///< The VMM's own standard output and error, appended.
  /// Set for a restore: guest RAM starts empty and is handed off (userfaultfd, Firecracker's
  /// format) to the page server that listens on this Unix socket.
  std::optional<std::filesystem::path> memory_handoff;
};

/// Guest RAM as the host can read it without the guest's doing: offset = position in the memory
/// file.
struct GuestRam {
  int fd = -1;  ///< Owned by the Vm. Read it with pread and SEEK_DATA; a hole is a page without memory.
  ByteCount size = 0;
};

/// Where the rings of a device's queue are in guest physical memory (VIRTIO 1.2, section 2.7, split virtqueues).
struct VirtQueueRings {
  std::uint64_t available = 0;  ///< Written by the guest: flags and index, 2 bytes each, then the entries.
  std::uint64_t used = 0;       ///< Written by the device: the same.
};

enum class Capability {
  kDiffSnapshots,    ///< `diff-snapshots`
  kFreezePoints,     ///< `freeze-points`: stop vCPUs at an exact instruction
  kPacketFaults,     ///< `packet-faults`: vsock packets pass through the harness
  kQueueState,       ///< `queue-state`: where a device's queues are
  kRemoveInjection,  ///< `remove-injection`: discard a range of guest memory on command
};
std::string_view name_of(Capability capability);

/// How a VMM process ended, and why as far as it said so itself.
struct VmEnd {
  ExitStatus status;
  /// "the guest reset itself: Kernel panic - not syncing: ..."; empty when the VMM gave no reason.
  std::string cause;
  bool by_guest = false;  ///< It powered off, or reset itself, as a kernel that panics does.

  /// "exited with status 0: the guest powered off".
  std::string describe() const;
};

/// Destroy it only when none of its operations is in flight.
class Vm {
 public:
  virtual ~Vm() = default;

  /// Lets vCPUs run: boots the guest, or goes on after pause() or load().
  virtual Async<void> resume() = 0;
  /// Stops all vCPUs; they stand between two instructions when it returns.
  virtual Async<void> pause() = 0;
  /// Writes the device and vCPU state, without RAM, to a new file. Only while paused; the VM stays
  /// paused.
  virtual Async<void> save_state(std::filesystem::path path) = 0;
  /// Loads what save_state() wrote. Only into a VM that was started with a memory hand-off, once.
  virtual Async<void> load(std::filesystem::path path) = 0;

  /// Asks the guest to give memory back until it has `target` bytes; returns at once.
  virtual Async<void> set_balloon_target(ByteCount target) = 0;
  /// What the guest has at this moment (RAM less balloon).
  virtual Async<ByteCount> balloon_actual() = 0;
  /// Discards a page-aligned range of guest RAM as a balloon would; needs kRemoveInjection.
  virtual Async<void> remove(ByteCount offset, ByteCount length) = 0;

  /// The event queue of the vsock device, once the guest's driver has set it up; needs kQueueState.
  virtual Async<VirtQueueRings> vsock_event_queue() = 0;

  /// Lets the guest, which runs or stands still, run until it is at `point`, and stops all vCPUs exactly there: as
  /// pause() does, to go on with resume(). Needs kFreezePoints. When it is cancelled, the guest runs on.
  virtual Async<FreezeHit> freeze_at(FreezePoint point) = 0;
  /// Where the vCPUs of a VM that stands still are, in order, and which of `memories` each sees, that is, in which process
  /// it is; needs kFreezePoints.
  virtual Async<std::vector<VcpuState>> vcpus(std::vector<MemoryBytes> memories) = 0;
  /// Where the vCPUs are about now, in order, without stopping one: also of a machine that hangs, as long as its VMM
  /// answers at all. kTimeout when that does not do so within a few seconds.
  virtual Async<std::vector<VcpuGlance>> glance() = 0;

  virtual GuestRam ram() const = 0;
  /// Where a guest physical address is in that file; nothing when no RAM is there.
  virtual std::optional<ByteCount> ram_offset(std::uint64_t guest_physical) const = 0;
  /// The accelerator in use and why it was chosen, for the results: {"tcg", "KVM runs 3.4 M
  /// loops/s: emulated"}.
  virtual std::pair<std::string, std::string> accel() const = 0;
  virtual pid_t pid() const = 0;

  /// The socket on which raw vsock packets travel (lib/vsock), when this backend leaves vsock to
  /// the harness; the caller takes it over, once. Empty when the VMM serves the hybrid door by
  /// itself.
  virtual UniqueFd take_vsock_packets() = 0;

  /// Sends a signal to the VMM process: SIGKILL, SIGSTOP and SIGCONT are faults it must be possible
  /// to make.
  virtual Result<void> signal(int number) = 0;
  /// Returns when the VMM process has ended, with how. Any number of callers, also after the end.
  virtual Async<VmEnd> wait_ended() = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;
  virtual std::set<Capability> capabilities() const = 0;
  /// Identifies all of this host's side that a saved state depends on: VMM version, accelerator,
  /// device set.
  virtual Result<std::string> state_compatibility(const VmConfig& config) = 0;
  /// All that the guest's kernel is told when it boots.
  virtual std::string kernel_command_line(const VmConfig& config) const = 0;
  /// Starts a VMM process with its vCPUs stopped.
  virtual Async<std::unique_ptr<Vm>> start(VmConfig config, VmPlacement placement) = 0;
};

}  // namespace snaphammer::vmm
