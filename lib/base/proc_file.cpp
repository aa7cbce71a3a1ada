#include "lib/base/proc_file.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace snaphammer {

std::string read_proc_file(const std::filesystem::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t length = ::read(file.get(), piece.data(), piece.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return {};
    if (length == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(length));
  }
}

}  // namespace snaphammer
