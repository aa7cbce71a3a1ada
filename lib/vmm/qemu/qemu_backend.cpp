#include "lib/vmm/qemu/qemu_backend.h"

#include <boost/process/search_path.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/vmm/accel_probe.h"
#include "lib/vmm/qemu/command_line.h"
#include "lib/vmm/qemu/qemu_process.h"
#include "lib/vmm/qemu/qemu_vm.h"

namespace snaphammer::vmm {
namespace {

Result<std::filesystem::path> find_qemu(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const auto path = boost::process::search_path(program);
  if (!path.empty()) return std::filesystem::path(path.string());
  return Error(ErrorKind::kUnfit, program + ": no such program in PATH")
      .advise("install QEMU: apt-get install qemu-system-x86");
}

Result<void> check_readable(const std::filesystem::path& file, std::string_view what) {
  if (::access(file.c_str(), R_OK) == 0) return {};
  return errno_error("read the " + std::string(what) + " " + file.string());
}

}  // namespace

std::set<Capability> QemuBackend::capabilities() const {
  return {Capability::kFreezePoints, Capability::kPacketFaults, Capability::kQueueState, Capability::kRemoveInjection};
}

Result<std::string> QemuBackend::state_compatibility(const VmConfig& config) {
  SNAP_ASSIGN(const AccelChoice accel, choose_accel(config.accel));
  SNAP_ASSIGN(const std::filesystem::path program, find_qemu(options_.program));
  struct stat status {};
  if (::stat(program.c_str(), &status) != 0) return errno_error(program.string());
  // Size and time stand for the version: asking QEMU itself would take as long as half a restore.
  std::string result = fmt::format("{} of {} bytes from {}.{:09}", program.string(), status.st_size,
                                   status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  for (const std::string& argument : machine_arguments(config, accel.accel)) result += " " + argument;
  return result;
}

std::string QemuBackend::kernel_command_line(const VmConfig& config) const {
  return vmm::kernel_command_line(config.kernel_args);
}

Async<std::unique_ptr<Vm>> QemuBackend::start(VmConfig config, VmPlacement placement) {
  CO_SNAP_ASSIGN(AccelChoice accel, choose_accel(config.accel));
  CO_SNAP_ASSIGN(const std::filesystem::path program, find_qemu(options_.program));
  CO_SNAP_TRY(check_readable(config.kernel, "guest's kernel"));
  CO_SNAP_TRY(check_readable(config.initramfs, "guest's initramfs"));
  CO_SNAP_ASSIGN(QemuProcess process, QemuProcess::spawn(program, options_.interposer, config, placement, accel.accel));
  const bool incoming = placement.memory_handoff.has_value();
  co_return co_await QemuVm::attach(std::move(process), config.memory, std::move(accel), incoming);
}

}  // namespace snaphammer::vmm
