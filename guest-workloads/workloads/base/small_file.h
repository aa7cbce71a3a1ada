// Files of a few lines that kernel or agent keep: read at once, whole.
#pragma once

#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace snaphammer::workload {

/// Up to 4096 bytes; empty when it cannot be read.
inline std::string read_small_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  char bytes[4096];
  const ssize_t n = ::read(file, bytes, sizeof bytes);
  ::close(file);
  return n > 0 ? std::string(bytes, static_cast<std::size_t>(n)) : "";
}

}  // namespace snaphammer::workload
