#include <fstream>

#include "harness/doctor/checks.h"

namespace snaphammer::doctor {
namespace {

namespace fs = std::filesystem;

constexpr ByteCount kMiB = 1 << 20;
constexpr ByteCount kResultsSpace = 512 * kMiB;  // A few failed runs with their snapshots.
constexpr ByteCount kCacheSpace = 1024 * kMiB;   // An image being built, and two base snapshots.
constexpr ByteCount kRuntimeSpace = 1 * kMiB;    // Sockets.
constexpr std::uint64_t kOpenFiles = 1024;       // A page server, a vsock host side and 10 execs at once.
constexpr std::uint64_t kProcesses = 256;

Finding check_space(const Host& host, const fs::path& directory, ByteCount needed, std::string_view what,
                    const std::string& elsewhere) {
  const Result<ByteCount> space = host.free_space(directory);
  if (!space) return {State::kMissing, space.error().message(), std::string(what) + " cannot be written", elsewhere};
  const std::string found = std::to_string(*space / kMiB) + " MiB free in " + directory.string();
  if (*space >= needed) return {.state = State::kGood, .found = found};
  return {State::kMissing, found + ", " + std::to_string(needed / kMiB) + " MiB needed",
          std::string(what) + " may not fit", "free some space there, or " + elsewhere};
}

// A number in a file of the control group file system; nullopt for "max" and for no such file.
std::optional<std::uint64_t> cgroup_limit(const Host& host, const char* name) {
  // "0::/path" is the only line under cgroup v2.
  std::ifstream membership(host.root / "proc/self/cgroup");
  std::string line;
  std::getline(membership, line);
  if (!line.starts_with("0::/")) return std::nullopt;
  std::uint64_t limit = 0;
  if (std::ifstream(host.root / "sys/fs/cgroup" / line.substr(4) / name) >> limit) return limit;
  return std::nullopt;
}

}  // namespace

Finding check_open_files(const Host& host) {
  const auto [now, most] = host.open_files_limit();
  const std::string found = std::to_string(now) + " per process";
  if (now >= kOpenFiles) return {.state = State::kGood, .found = found};
  return {State::kLimited, found, "runs with many connections fail for lack of descriptors",
          most >= kOpenFiles ? "ulimit -n " + std::to_string(kOpenFiles)
                             : "raise the hard limit in /etc/security/limits.conf"};
}

Finding check_processes(const Host& host) {
  const auto limit = cgroup_limit(host, "pids.max");
  if (!limit) return {.state = State::kGood, .found = "no limit by control group"};
  const std::string found = std::to_string(*limit) + " tasks by control group";
  if (*limit >= kProcesses) return {.state = State::kGood, .found = found};
  return {State::kLimited, found, "starting QEMU's threads may fail", "raise pids.max of this control group"};
}

Finding check_results_space(const Host& host) {
  return check_space(host, host.out, kResultsSpace, "results", "name another directory with --out");
}

Finding check_cache_space(const Host& host) {
  return check_space(host, host.caches.root, kCacheSpace, "images and base snapshots",
                     "set XDG_CACHE_HOME to a directory on another disk; `snaphammer clean "
                     "--cache` removes caches");
}

Finding check_runtime_space(const Host& host) {
  return check_space(host, host.runtime, kRuntimeSpace, "sockets", "set XDG_RUNTIME_DIR to another directory");
}

}  // namespace snaphammer::doctor
