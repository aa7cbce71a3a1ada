#include <cerrno>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-workloads/agent/init_duties.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::guest {
namespace {

Result<std::string> read_file(const std::filesystem::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::string();
  if (!file) return errno_error("open " + path.string());
  std::string content;
  char part[4096];
  ssize_t n = 0;
  while ((n = ::read(file.get(), part, sizeof part)) > 0) content.append(part, static_cast<std::size_t>(n));
  if (n < 0) return errno_error("read " + path.string());
  return content;
}

Result<void> load_module(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error("open module " + path);
  if (::syscall(SYS_finit_module, file.get(), "", 0) != 0 && errno != EEXIST) {
    return errno_error("load module " + path);
  }
  return {};
}

}  // namespace

Result<void> load_modules(const std::filesystem::path& list) {
  SNAP_ASSIGN(const std::string content, read_file(list));
  std::size_t start = 0;
  while (start < content.size()) {
    std::size_t end = content.find('\n', start);
    if (end == std::string::npos) end = content.size();
    const std::string line = content.substr(start, end - start);
    start = end + 1;
    if (line.empty() || line.front() == '#') continue;
    SNAP_TRY(load_module(line));
  }
  return {};
}

}  // namespace snaphammer::guest
