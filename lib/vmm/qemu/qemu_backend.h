// QemuBackend: virtual machines run by the distribution's unmodified QEMU, with the interposer
// preloaded.
//
//   QemuBackend backend({.interposer = "/usr/lib/snaphammer/libsnaphammer-interposer.so"});
//   CO_SNAP_ASSIGN(std::unique_ptr<Vm> vm, co_await backend.start(config, placement));
//
// RAM is a memfd made here, the monitor and the interposer are reached over inherited socket pairs:
// a QEMU leaves no path behind, however it or this process ends. Belongs to the io_context thread
// that the coroutines run on, which must be one that lives as long as its machines (ChildProcess
// says why).
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "lib/vmm/vm.h"

namespace snaphammer::vmm {

struct QemuOptions {
  /// Program, looked up in PATH when it has no slash.
  std::string program = "qemu-system-x86_64";
  /// libsnaphammer-interposer.so.
  std::filesystem::path interposer = {};
};

class QemuBackend : public Backend {
 public:
  explicit QemuBackend(QemuOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "qemu"; }
  std::set<Capability> capabilities() const override;
  Result<std::string> state_compatibility(const VmConfig& config) override;
  std::string kernel_command_line(const VmConfig& config) const override;
  /// kUnfit, with advice, when QEMU or the interposer is missing, or when QEMU refuses to start
  /// here.
  Async<std::unique_ptr<Vm>> start(VmConfig config, VmPlacement placement) override;

 private:
  QemuOptions options_;
};

}  // namespace snaphammer::vmm
