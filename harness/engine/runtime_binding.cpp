#include "harness/engine/runtime_binding.h"

#include <string>

#include "harness/scenario/settings_support.h"

namespace snaphammer::engine {
namespace {

vmm::Accel accel_of(scenario::AccelChoice accel) {
  switch (accel) {
    case scenario::AccelChoice::kAuto:
      return vmm::Accel::kAuto;
    case scenario::AccelChoice::kKvm:
      return vmm::Accel::kKvm;
    case scenario::AccelChoice::kTcg:
      return vmm::Accel::kTcg;
  }
  return vmm::Accel::kAuto;
}

// What of `vm` and `runtime` takes effect below, beyond the defaults.
const scenario::Registration<scenario::SettingSupport> kSupported[] = {
    scenario::Registration<scenario::SettingSupport>{{"vm.accel", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"vm.memory", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"vm.vcpus", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"vm.kernel_args", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"vm.image", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"vm.balloon.free_page_reporting", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"vm.balloon.deflate_on_oom", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.uffd.on_remove", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.uffd.on_eagain", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.uffd.event_order", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.uffd.prefetch", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.uffd.workers", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.uffd.prefetch_chunk", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.uffd.read_retries", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.uffd.handler", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.pause.restore_service_on_abort", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.restore.budget_ready", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.restore.budget_init", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.restore.reseed", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.restore.output", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.restore.set_clock", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.quiesce.undone_by", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.restore.budgets", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.restore.listener", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.pause.drop_page_cache", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.pause.balloon", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.restore.warm_vmms", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.pause.refuse_operations", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.pause.force_close", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.pause.drain_grace", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.quiesce.enabled", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.quiesce.gc", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.quiesce.single_thread", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.quiesce.ports", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.agent.http_limits", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.agent.accept", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.agent.forwarders", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.snapshot.zero_blocks", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.snapshot.checksums", "", {}}},
    scenario::Registration<scenario::SettingSupport>{{"runtime.snapshot.sync", "", {}}},
};

}  // namespace

Result<vmm::VmConfig> vm_config(const scenario::VmSettings& settings, GuestFiles boot) {
  if (settings.backend != scenario::BackendChoice::kQemu) {
    return Error(ErrorKind::kUnfit, "vm.backend: firecracker is not available in this build");
  }
  vmm::VmConfig vm;
  vm.accel = accel_of(settings.accel);
  vm.memory = settings.memory;
  vm.vcpus = settings.vcpus;
  vm.kernel_args = settings.kernel_args;
  vm.balloon = {.free_page_reporting = settings.balloon.free_page_reporting,
                .deflate_on_oom = settings.balloon.deflate_on_oom};
  vm.kernel = std::move(boot.kernel);
  vm.initramfs = std::move(boot.initramfs);
  return vm;
}

Result<sandbox::SandboxConfig> sandbox_config(const scenario::RuntimeKnobs& knobs, vmm::VmConfig vm) {
  sandbox::SandboxConfig config;
  if (const auto* external = std::get_if<scenario::ExternalHandler>(&knobs.uffd.handler)) {
    config.handler_command = external->command;
  }
  config.vm = std::move(vm);
  config.uffd.on_remove = knobs.uffd.on_remove;
  config.uffd.on_eagain = knobs.uffd.on_eagain;
  config.uffd.event_order = knobs.uffd.event_order;
  config.uffd.prefetch = knobs.uffd.prefetch;
  config.uffd.workers = knobs.uffd.workers;
  config.uffd.prefetch_chunk = knobs.uffd.prefetch_chunk;
  config.uffd.read_retries = knobs.uffd.read_retries;
  config.on_pause_abort = knobs.pause.restore_service_on_abort ? sandbox::OnAbort::kUndo : sandbox::OnAbort::kAbandon;
  config.budget_ready = knobs.restore.budget_ready;
  config.warm_vmms = knobs.restore.warm_vmms;
  config.budget_init = knobs.restore.budget_init;
  config.reseed = knobs.restore.reseed;
  config.budgets = knobs.restore.budgets;
  config.listener = knobs.restore.listener;
  config.agent.http_limits = knobs.agent.http_limits ? agent::ClientLimits::kOn : agent::ClientLimits::kOff;
  config.agent.accept = knobs.agent.accept;
  config.agent.forwarders = knobs.agent.forwarders;
  config.output = knobs.restore.output;
  config.set_clock = knobs.restore.set_clock;
  config.drop_page_cache = knobs.pause.drop_page_cache;
  config.refuse_operations = knobs.pause.refuse_operations;
  config.force_close = knobs.pause.force_close;
  config.drain_grace = knobs.pause.drain_grace;
  config.balloon.inflate = !std::holds_alternative<scenario::BalloonOff>(knobs.pause.balloon);
  if (const auto* size = std::get_if<ByteCount>(&knobs.pause.balloon)) config.balloon.size = *size;
  config.quiesce.reset();
  if (knobs.quiesce.enabled) {
    config.quiesce.emplace();
    config.quiesce->gc = knobs.quiesce.gc;
    config.quiesce->single_thread = knobs.quiesce.single_thread;
    config.quiesce->ports = knobs.quiesce.ports;
    config.quiesce->undone_by = knobs.quiesce.undone_by;
  }
  return config;
}

snapshot::StoreOptions store_options(const scenario::SnapshotKnobs& knobs) {
  snapshot::StoreOptions options;
  options.zero_blocks = knobs.zero_blocks;
  if (!knobs.checksums) options.checksums = snapshot::Checksums::kIgnored;
  if (!knobs.sync) options.sync = snapshot::Sync::kOff;
  return options;
}

}  // namespace snaphammer::engine
