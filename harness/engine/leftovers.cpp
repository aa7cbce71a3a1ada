#include "harness/engine/leftovers.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <sys/mount.h>

#include "harness/engine/environment.h"
#include "harness/engine/runtime_directory.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

// Mount points at or below `directory`, the deepest first.
std::vector<std::string> mounts_in(const fs::path& directory) {
  std::vector<std::string> found;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) fields >> field;  // The fifth is the mount point.
    if (field == directory || field.starts_with(directory.string() + "/")) found.push_back(field);
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

Async<std::vector<std::string>> remove_one(fs::path directory) {
  const std::string id = directory.filename();
  const std::string prefix = "removed what dead campaign " + id + " left: ";
  std::vector<std::string> removed;
  const auto of_this_campaign = [id](const Process& process) { return process.has(kCampaignVariable, id); };
  CO_SNAP_ASSIGN(const std::vector<Process> killed, co_await end_all(of_this_campaign));
  for (const Process& process : killed) removed.push_back(prefix + "process " + process.describe());
  for (const std::string& mount : mounts_in(directory)) {
    if (::umount2(mount.c_str(), MNT_DETACH) != 0) co_return errno_error("unmount " + mount);
    removed.push_back(prefix + "mount " + mount);
  }
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) co_return errno_error("remove " + directory.string(), error.value());
  removed.push_back(prefix + "directory " + directory.string());
  co_return removed;
}

Async<std::vector<std::string>> remove_all_dead(fs::path base) {
  CO_SNAP_ASSIGN(const BaseLock lock, BaseLock::take(base));
  CO_SNAP_ASSIGN(const CampaignDirectories directories, campaign_directories(base, lock));
  std::vector<std::string> removed;
  for (const fs::path& directory : directories.dead) {
    CO_SNAP_ASSIGN(std::vector<std::string> lines, co_await remove_one(directory));
    std::move(lines.begin(), lines.end(), std::back_inserter(removed));
  }
  co_return removed;
}

}  // namespace

Async<std::vector<Process>> end_all(std::function<bool(const Process&)> wanted) {
  std::vector<Process> killed;
  // A process may have started another one between being found and being killed. One that does so
  // faster than it can be killed is not something to wait for forever.
  constexpr int kRounds = 20;
  std::string last;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Process> found = processes_where(wanted);
    if (found.empty()) co_return killed;
    last = found.back().describe();
    const Duration settle = round == 0 ? kSettle : Duration::zero();
    CO_SNAP_ASSIGN(std::vector<Process> ended, co_await end_processes(std::move(found), settle));
    std::move(ended.begin(), ended.end(), std::back_inserter(killed));
  }
  co_return Error(ErrorKind::kIo, "processes come back faster than they can be killed, last " + last);
}

Result<std::vector<std::string>> remove_leftovers(const fs::path& base) {
  asio::io_context context;
  std::optional<Result<std::vector<std::string>>> removed;
  asio::co_spawn(context, remove_all_dead(base),
                 [&](std::exception_ptr failure, Result<std::vector<std::string>> value) {
                   if (failure) std::rethrow_exception(failure);
                   removed = std::move(value);
                 });
  context.run();
  return *std::move(removed);
}

}  // namespace snaphammer::engine
