#include "lib/sandbox/base_snapshots.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "lib/base/blocking.h"
#include "lib/base/log.h"
#include "lib/sandbox/balloon.h"
#include "lib/sandbox/working_set.h"

namespace snaphammer::sandbox {
namespace {

namespace fs = std::filesystem;

/// What is done to a guest between its boot and its snapshot; to be changed with it.
constexpr const char* kHowMade = "free memory emptied";

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

// Without a working set its making was cut short after the boot.
bool is_complete(const Result<BaseSnapshot>& base) { return base && !base->snapshot.working_set.empty(); }

Async<void> boot_and_store(Sandbox& guest, const snapshot::SnapshotStore& store, std::string key, fs::path console) {
  CO_SNAP_TRY(co_await guest.boot());
  CO_SNAP_ASSIGN(const agent::HealthReport health, co_await guest.health());
  CO_SNAP_TRY(co_await empty_free_memory(*guest.incarnation()));
  SnapshotOptions options{.id = std::move(key), .resume = false, .metadata = {{"guest_kernel", health.kernel}}};
  auto report = co_await guest.snapshot(store, std::move(options));
  CO_SNAP_TRY(report);
  std::error_code error;
  fs::copy_file(guest.paths().console_log(), console, fs::copy_options::overwrite_existing, error);
  if (error) co_return errno_error("keep " + console.string(), error.value());
  co_return Result<void>();
}

// The pages that a run asks for first: to be healthy, which takes a command, and when its guest is looked at.
Async<void> record_working_set(Sandbox& guest, const snapshot::SnapshotStore& store, std::string key) {
  CO_SNAP_ASSIGN(const snapshot::Snapshot snapshot, store.load(key));
  CO_SNAP_TRY(co_await guest.restore(snapshot, {.in_place_of_boot = true}));
  auto healthy = co_await guest.await_healthy();
  CO_SNAP_TRY(healthy);
  auto metrics = co_await guest.metrics();
  CO_SNAP_TRY(metrics);
  auto ports = co_await guest.ports();
  CO_SNAP_TRY(ports);
  co_return store.set_working_set(key, pages_of(guest.incarnation()->page_server()->working_set()));
}

}  // namespace

BaseSnapshots::BaseSnapshots(asio::any_io_executor executor, vmm::Backend& backend, fs::path directory)
    : executor_(std::move(executor)), backend_(backend), directory_(std::move(directory)) {}

Result<std::string> BaseSnapshots::key_of(const vmm::VmConfig& vm) const {
  nlohmann::json inputs;
  SNAP_ASSIGN(inputs["compatibility"], backend_.state_compatibility(vm));
  SNAP_ASSIGN(inputs["kernel"], identity_of(vm.kernel));
  SNAP_ASSIGN(inputs["initramfs"], identity_of(vm.initramfs));
  inputs["kernel_command_line"] = backend_.kernel_command_line(vm);
  inputs["made"] = kHowMade;
  const std::string text = inputs.dump();
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Result<BaseSnapshot> BaseSnapshots::load(const snapshot::SnapshotStore& store, const std::string& key) const {
  SNAP_ASSIGN(snapshot::Snapshot snapshot, store.load(key));
  return BaseSnapshot{.snapshot = std::move(snapshot), .boot_console = console_of(key)};
}

Async<BaseSnapshot> BaseSnapshots::get(vmm::VmConfig vm, SandboxPaths paths) {
  CO_SNAP_ASSIGN(const std::string key, key_of(vm));
  CO_SNAP_ASSIGN(const snapshot::SnapshotStore store, snapshot::SnapshotStore::open(directory_));
  if (auto present = load(store, key); is_complete(present)) co_return present;

  const fs::path lock_path = directory_ / (key + ".lock");
  const auto take_lock = [lock_path] { return lock_file(lock_path); };
  CO_SNAP_ASSIGN(const UniqueFd lock, co_await run_blocking(pool_, take_lock));
  auto present = load(store, key);  // Somebody else may have made it meanwhile.
  if (is_complete(present)) co_return present;
  if (!present && present.error().kind() == ErrorKind::kCorrupt) {
    log_warning("base", "making base snapshot {} again: {}", key, present.error().describe());
    CO_SNAP_TRY(store.remove(key));
  }
  CO_SNAP_TRY(co_await make(std::move(vm), std::move(paths), store, key, present.has_value()));
  co_return load(store, key);
}

Async<void> BaseSnapshots::make(vmm::VmConfig vm, SandboxPaths paths, snapshot::SnapshotStore store, std::string key,
                                bool is_booted) {
  SandboxConfig config;  // Whatever the scenario breaks later, the base is made by a right runtime.
  config.vm = std::move(vm);
  config.balloon.inflate = false;  // Of whatever runtime restores it.
  config.name = "base";
  Sandbox guest(executor_, backend_, std::move(config), std::move(paths));
  Result<void> made;
  if (!is_booted) made = co_await without_exceptions("boot", boot_and_store(guest, store, key, console_of(key)));
  if (made) made = co_await without_exceptions("first restore", record_working_set(guest, store, key));
  // Also when this is cancelled: what works on the guest must be over before it goes.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await guest.end();
  co_return made;
}

}  // namespace snaphammer::sandbox
