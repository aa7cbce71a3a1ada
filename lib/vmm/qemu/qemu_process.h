// The QEMU process and everything that it shares with us: RAM, monitor, interposer, packets, log.
//
//   SNAP_ASSIGN(QemuProcess process, QemuProcess::spawn(program, interposer, config, placement, accel));
//   ... talk over process.monitor ...
//   CO_SNAP_ASSIGN(ExitStatus status, co_await process.child.wait());
//   process.last_words();                        // "qemu-system-x86_64: could not load kernel '/x'"
#pragma once

#include <filesystem>
#include <string>

#include "lib/base/child_process.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/vmm/qemu/preload_link.h"
#include "lib/vmm/vm.h"

namespace snaphammer::vmm {

/// Plain parts; each is its own owner. Destroying it kills QEMU.
struct QemuProcess {
  UniqueFd ram;         ///< A memfd of config.memory bytes, which cannot change its size.
  UniqueFd monitor;     ///< Stream socket, QMP.
  UniqueFd interposer;  ///< SOCK_SEQPACKET: Command and Reply of lib/interposer/wire.h.
  UniqueFd packets;     ///< SOCK_SEQPACKET: vsock packets of lib/interposer/wire.h.
  std::filesystem::path log;
  std::filesystem::path console;
  ByteCount log_start = 0;  ///< How long the files were before: they are appended to.
  ByteCount console_start = 0;
  PreloadLink interposer_link;
  ChildProcess child;  ///< Last, so that it goes first.

  /// Starts `program` with `interposer` preloaded, vCPUs stopped. Returns at once: what QEMU thinks of its command
  /// line shows later. `accel` is kKvm or kTcg.
  static Result<QemuProcess> spawn(const std::filesystem::path& program, const std::filesystem::path& interposer,
                                   const VmConfig& config, const VmPlacement& placement, Accel accel);

  /// The last lines that QEMU (or the interposer in it) logged, as one; empty when it said nothing.
  std::string last_words() const;
  /// "Kernel panic - not syncing: ..." when the guest's console ends in one; else empty.
  std::string kernel_panic() const;
};

}  // namespace snaphammer::vmm
