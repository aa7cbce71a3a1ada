#include "lib/vmm/qemu/saved_state.h"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace snaphammer::vmm {
namespace {

using namespace std::literals;

// The section's name with its length, then instance 0 and version 1, each 32 bits, big-endian; the state's name
// follows: its size with the closing zero, 32 bits, and a field of 100 bytes (migration/global_state.c).
constexpr std::string_view kSection = "\x0bglobalstate\0\0\0\0\0\0\0\x01"sv;
constexpr std::string_view kDebug =
    "\0\0\0\x06"
    "debug\0\0"sv;
constexpr std::string_view kPaused =
    "\0\0\0\x07"
    "paused\0"sv;
static_assert(kDebug.size() == kPaused.size());

constexpr std::size_t kMaxState = 64 << 20;  // Without RAM it is below one MiB.

Result<std::string> contents(int file, const std::string& what) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return errno_error(what);
  if (status.st_size < 0 || static_cast<std::size_t>(status.st_size) > kMaxState) {
    return Error(ErrorKind::kInvalid, what + ": too large for a state without memory");
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  const ssize_t length = ::pread(file, bytes.data(), bytes.size(), 0);
  if (length < 0) return errno_error(what);
  bytes.resize(static_cast<std::size_t>(length));
  return bytes;
}

}  // namespace

Result<std::string> read_state(const std::filesystem::path& path) {
  const std::string what = "read the state " + path.string();
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error(what);
  return contents(file.get(), what);
}

Result<void> write_state(int file, std::string_view state) {
  while (!state.empty()) {
    const ssize_t written = ::write(file, state.data(), state.size());
    if (written < 0) return errno_error("write the state");
    state.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> turn_debugged_into_paused(const std::filesystem::path& path) {
  const std::string what = "run state of " + path.string();
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return errno_error(what);
  SNAP_ASSIGN(const std::string bytes, contents(file.get(), what));
  const std::size_t section = bytes.find(kSection);
  if (section == std::string::npos) return Error(ErrorKind::kInvalid, what + ": the state does not say any");
  const std::size_t at = section + kSection.size();
  if (bytes.compare(at, kDebug.size(), kDebug) != 0) {
    return Error(ErrorKind::kInvalid, what + ": it is not that of a machine which its debugger has stopped");
  }
  const ssize_t written = ::pwrite(file.get(), kPaused.data(), kPaused.size(), static_cast<off_t>(at));
  if (written != static_cast<ssize_t>(kPaused.size())) return errno_error(what);
  return {};
}

}  // namespace snaphammer::vmm
