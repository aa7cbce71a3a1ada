#include "lib/sandbox/base_snapshots.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "lib/base/blocking.h"
#include "lib/base/log.h"

namespace snaphammer::sandbox {
namespace {

namespace fs = std::filesystem;

// A file's identity without reading it: images are content-addressed, a user's own kernel changes its time.
Result<nlohmann::json> identity_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno_error("look at " + path.string());
  return nlohmann::json{fs::weakly_canonical(path).string(), status.st_size, status.st_mtim.tv_sec,
                        status.st_mtim.tv_nsec};
}

// Held while a base is made; the kernel gives it back however the holder ends.
Result<UniqueFd> lock_file(const fs::path& path) {
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return errno_error("open " + path.string());
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return errno_error("lock " + path.string());
  }
  return lock;
}

Async<void> boot_and_store(Sandbox& guest, const snapshot::SnapshotStore& store, std::string key) {
  CO_SNAP_TRY(co_await guest.boot());
  CO_SNAP_ASSIGN(const agent::HealthReport health, co_await guest.health());
  SnapshotOptions options{.id = std::move(key), .resume = false, .metadata = {{"guest_kernel", health.kernel}}};
  auto report = co_await guest.snapshot(store, std::move(options));
  CO_SNAP_TRY(report);
  co_return Result<void>();
}

}  // namespace

BaseSnapshots::BaseSnapshots(asio::any_io_executor executor, vmm::Backend& backend, fs::path directory)
    : executor_(std::move(executor)), backend_(backend), directory_(std::move(directory)) {}

Result<std::string> BaseSnapshots::key_of(const vmm::VmConfig& vm) const {
  nlohmann::json inputs;
  SNAP_ASSIGN(inputs["compatibility"], backend_.state_compatibility(vm));
  SNAP_ASSIGN(inputs["kernel"], identity_of(vm.kernel));
  SNAP_ASSIGN(inputs["initramfs"], identity_of(vm.initramfs));
  inputs["kernel_args"] = vm.kernel_args;
  const std::string text = inputs.dump();
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Result<BaseSnapshot> BaseSnapshots::load(const snapshot::SnapshotStore& store, const std::string& key) const {
  SNAP_ASSIGN(snapshot::Snapshot snapshot, store.load(key));
  return BaseSnapshot{.snapshot = std::move(snapshot), .boot_console = console_of(key), .cached = true};
}

Async<BaseSnapshot> BaseSnapshots::get(vmm::VmConfig vm, SandboxPaths paths) {
  CO_SNAP_ASSIGN(const std::string key, key_of(vm));
  CO_SNAP_ASSIGN(const snapshot::SnapshotStore store, snapshot::SnapshotStore::open(directory_));
  if (auto present = load(store, key)) co_return present;

  const fs::path lock_path = directory_ / (key + ".lock");
  const auto take_lock = [lock_path] { return lock_file(lock_path); };
  CO_SNAP_ASSIGN(const UniqueFd lock, co_await run_blocking(pool_, take_lock));
  auto present = load(store, key);  // Somebody else may have made it meanwhile.
  if (present) co_return present;
  if (present.error().kind() == ErrorKind::kCorrupt) {
    log_warning("base", "making base snapshot {} again: {}", key, present.error().describe());
    CO_SNAP_TRY(store.remove(key));
  }
  CO_SNAP_TRY(co_await boot(std::move(vm), std::move(paths), store, key));
  CO_SNAP_ASSIGN(BaseSnapshot fresh, load(store, key));
  fresh.cached = false;
  co_return fresh;
}

Async<void> BaseSnapshots::boot(vmm::VmConfig vm, SandboxPaths paths, snapshot::SnapshotStore store, std::string key) {
  SandboxConfig config;  // Whatever the scenario breaks later, the base is made by a right runtime.
  config.vm = std::move(vm);
  config.balloon.inflate = false;  // Of whatever runtime restores it.
  config.name = "base";
  Sandbox guest(executor_, backend_, std::move(config), paths);
  auto made = co_await boot_and_store(guest, store, key);
  co_await guest.end();
  CO_SNAP_TRY(std::move(made));
  std::error_code error;
  fs::copy_file(paths.console_log(), console_of(key), fs::copy_options::overwrite_existing, error);
  if (error) co_return errno_error("keep " + console_of(key).string(), error.value());
  co_return Result<void>();
}

}  // namespace snaphammer::sandbox
