// QEMU's command line for a VmConfig.
//
//   argv = {program}; append machine_arguments(config, accel), boot_arguments(config), host_arguments(...)
//
// Three parts, by what depends on them: a saved state fits exactly those machines whose machine_arguments() are
// equal; boot_arguments() matter to a machine until its guest has read them; host_arguments() are where the host's
// side is and change with every process. Descriptors have fixed numbers in QEMU, so that they need no passing on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lib/vmm/vm.h"

namespace snaphammer::vmm {

/// What QEMU inherits, by its number there.
enum QemuDescriptor : int {
  kMonitorDescriptor = 3,     ///< Stream socket: QMP.
  kRamDescriptor = 4,         ///< The memfd that is guest RAM.
  kInterposerDescriptor = 5,  ///< lib/interposer/wire.h: configuration and commands.
  kPacketDescriptor = 6,      ///< lib/interposer/wire.h: vsock packets; QEMU takes it for its vhost device.
};

/// The context id that every guest has on its vsock.
inline constexpr unsigned kGuestCid = 3;

/// Everything that the guest can see and a saved state depends on. `accel` is kKvm or kTcg.
std::vector<std::string> machine_arguments(const VmConfig& config, Accel accel);

/// Kernel, initramfs and kernel arguments.
std::vector<std::string> boot_arguments(const VmConfig& config);

/// Monitor, console file, and whether the machine waits for a saved state (`incoming`).
std::vector<std::string> host_arguments(const std::filesystem::path& console_log, bool incoming);

/// The kernel arguments that this backend itself needs; a scenario's come after and win.
std::string kernel_command_line(const std::vector<std::string>& extra);

}  // namespace snaphammer::vmm
