// QemuVm: one running QEMU as a Vm. Made by QemuBackend.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "lib/vmm/accel_probe.h"
#include "lib/vmm/qemu/qemu_process.h"
#include "lib/vmm/qemu/qmp.h"
#include "lib/vmm/vm.h"

namespace snaphammer::vmm {

class QemuVm : public Vm {
 public:
  /// Takes over a process that was just spawned and waits until its machine is made. When QEMU ends instead, the
  /// error says what it said.
  static Async<std::unique_ptr<Vm>> attach(QemuProcess process, ByteCount memory, AccelChoice accel, bool incoming);

  Async<void> resume() override;
  Async<void> pause() override;
  Async<void> save_state(std::filesystem::path path) override;
  Async<void> load(std::filesystem::path path) override;
  Async<void> set_balloon_target(ByteCount target) override;
  Async<ByteCount> balloon_actual() override;
  Async<void> remove(ByteCount offset, ByteCount length) override;
  Async<VirtQueueRings> vsock_event_queue() override;
  Async<FreezeHit> freeze_at(FreezePoint point) override;
  Async<std::vector<VcpuState>> vcpus(std::vector<MemoryBytes> memories) override;
  Async<std::vector<VcpuGlance>> glance() override;
  GuestRam ram() const override;
  std::optional<ByteCount> ram_offset(std::uint64_t guest_physical) const override;
  std::pair<std::string, std::string> accel() const override;
  pid_t pid() const override { return process_.child.pid(); }
  UniqueFd take_vsock_packets() override { return std::move(process_.packets); }
  Result<void> signal(int number) override { return process_.child.signal(number); }
  Async<VmEnd> wait_ended() override;

 private:
  QemuVm(const asio::any_io_executor& executor, QemuProcess process, ByteCount memory, AccelChoice accel,
         bool incoming);

  void on_event(const QmpEvent& event);
  void on_closed();
  std::string cause_of_end() const;

  /// One QMP command; a closed monitor becomes the way in which QEMU ended.
  Async<Json> command(std::string name, Json arguments = nullptr);
  Async<void> negotiate();
  /// Runs `migrate` or `migrate-incoming` on an open state file to its end.
  Async<void> migrate(std::string command, int file);
  Async<void> run_migration(std::string command, int file);
  /// What QEMU says that the machine does: "running", "paused", "debug" ...
  Async<std::string> run_state();
  /// Waits until QEMU can resume or save after a migration that has ended or was given up.
  Async<void> settle_migration();
  /// What to say for `error`: itself, or how QEMU ended when that is why.
  Awaitable<Error> explained(Error error);

  const ByteCount memory_;
  const AccelChoice accel_;
  bool awaits_state_;  // Started for a restore, not loaded yet.
  QemuProcess process_;
  asio::posix::stream_descriptor interposer_;
  bool removing_ = false;
  unsigned unanswered_ = 0;  // Commands sent to the interposer.
  unsigned debuggers_ = 0;   // That were attached so far.

  std::string saved_state_;  // The last one; the machine's still, until it runs.

  std::string shutdown_reason_;  // Of QEMU's SHUTDOWN event.
  std::string migration_status_;
  bool migration_unsettled_ = false;  // Begun, and not seen to be quite over.
  Event migration_ended_;             // Also set when the monitor closes.
  Event monitor_closed_;
  QmpClient qmp_;  // Last: its callbacks use the members above.
};

}  // namespace snaphammer::vmm
