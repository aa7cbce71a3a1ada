#include "lib/interposer/fatal.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <unistd.h>

#include "lib/interposer/wire.h"

namespace snaphammer::interposer {
namespace {

// One write per line, so that lines of several threads do not mix.
void write_line(const char* format, std::va_list arguments) {
  char line[1024];
  constexpr char kPrefix[] = "snaphammer-interposer: ";
  std::memcpy(line, kPrefix, sizeof kPrefix);
  std::size_t used = sizeof kPrefix - 1;
  // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): its callers start it.
  const int wanted = std::vsnprintf(line + used, sizeof line - used - 1, format, arguments);
  if (wanted > 0) used += std::min<std::size_t>(static_cast<std::size_t>(wanted), sizeof line - used - 2);
  line[used++] = '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, used);
}

}  // namespace

void fatal(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  write_line(format, arguments);
  va_end(arguments);
  ::_exit(kFatalExit);
}

void report(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  write_line(format, arguments);
  va_end(arguments);
}

const char* system_error() { return std::strerror(errno); }

}  // namespace snaphammer::interposer
