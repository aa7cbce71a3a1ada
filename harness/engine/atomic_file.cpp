#include "harness/engine/atomic_file.h"

#include <array>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace snaphammer::engine {
namespace {

Result<void> write_all(const UniqueFd& fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0 && errno != EINTR) return errno_error("write");
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd.get()) != 0) return errno_error("sync");
  return {};
}

}  // namespace

Result<void> write_atomically(const std::filesystem::path& path, std::string_view text) {
  const std::string temporary = path.string() + ".new";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return errno_error("create " + temporary);
  const Result<void> written = write_all(fd, text);
  fd.reset();
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return {};
  Error error = written ? errno_error("rename " + temporary) : written.error().in(temporary);
  ::unlink(temporary.c_str());
  return error;
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error("open " + path.string());
  std::string text;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read " + path.string());
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() > limit) {
      return Error(ErrorKind::kCorrupt, path.string() + ": larger than " + std::to_string(limit) + " bytes");
    }
  }
}

}  // namespace snaphammer::engine
