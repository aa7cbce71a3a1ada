#include "lib/sandbox/randomness.h"

#include <fmt/format.h>
#include <sys/random.h>

namespace snaphammer::sandbox {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t done = 0; done < count;) {
    const ssize_t n = ::getrandom(bytes.data() + done, count - done, 0);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return bytes;
}

std::string new_generation() {
  std::string text;
  for (const char byte : random_bytes(8)) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

}  // namespace snaphammer::sandbox
