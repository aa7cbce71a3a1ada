// BaseSnapshots: freshly booted guests, kept on disk, so that a run starts by a restore instead of a boot.
//
//   BaseSnapshots bases(executor, backend, cache_directory);
//   CO_SNAP_ASSIGN(BaseSnapshot base, co_await bases.get(vm_config, paths));
//   CO_SNAP_TRY(co_await sandbox.restore(base.snapshot, {.in_place_of_boot = true}));
//
// Memory that boot used and freed is emptied before the snapshot, and the pages that a guest asks for first are kept with
// it, for such restores to prefetch: of the rest a short run asks for little. What is zeros in it is not served at all, but
// left to the kernel, as after a boot.
//
// A base is known by a key over all that its content depends on: kernel, initramfs, kernel command line, the machine, and
// the VMM that saved it. Several processes may ask for the same one: the first boots it, the others wait. A damaged base
// is made again. Everything in the directory may be deleted while nobody uses it.
#pragma once

#include <filesystem>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include "lib/base/async.h"
#include "lib/sandbox/sandbox.h"
#include "lib/snapshot/store.h"
#include "lib/vmm/vm.h"

namespace snaphammer::sandbox {

struct BaseSnapshot {
  snapshot::Snapshot snapshot;
  /// What the guest's console showed while it booted.
  std::filesystem::path boot_console;
};

class BaseSnapshots {
 public:
  BaseSnapshots(asio::any_io_executor executor, vmm::Backend& backend, std::filesystem::path directory);

  /// The base for `vm`, booted with its logs and sockets in `paths` when there is none yet.
  Async<BaseSnapshot> get(vmm::VmConfig vm, SandboxPaths paths);

 private:
  Result<std::string> key_of(const vmm::VmConfig& vm) const;
  std::filesystem::path console_of(const std::string& key) const { return directory_ / (key + ".console.log"); }
  Result<BaseSnapshot> load(const snapshot::SnapshotStore& store, const std::string& key) const;
  Async<void> make(vmm::VmConfig vm, SandboxPaths paths, snapshot::SnapshotStore store, std::string key,
                   bool is_booted);

  asio::any_io_executor executor_;
  vmm::Backend& backend_;
  std::filesystem::path directory_;
  asio::thread_pool pool_{1};
};

}  // namespace snaphammer::sandbox
