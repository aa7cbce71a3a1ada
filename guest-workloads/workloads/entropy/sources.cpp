#include "guest-workloads/workloads/entropy/sources.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/random.h>

#include "guest-workloads/workloads/base/json_line.h"

namespace snaphammer::entropy {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

void fill_from_kernel(void* memory, std::size_t size) {
  ssize_t n = 0;
  // Up to 256 bytes come whole, once the kernel's generator is ready.
  while ((n = ::getrandom(memory, size, 0)) < 0 && errno == EINTR) {
  }
  if (n == static_cast<ssize_t>(size)) return;
  std::perror("entropy: getrandom");
  std::_Exit(1);
}

Bytes from_kernel() {
  Bytes bytes;
  fill_from_kernel(bytes.data(), bytes.size());
  return bytes;
}

std::string uuid(Bytes bytes) {
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text = workload::hex(bytes);
  for (const std::size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

}  // namespace

void Sources::reseed() {
  std::array<std::uint32_t, 8> random;
  fill_from_kernel(random.data(), sizeof random);
  std::seed_seq seed(random.begin(), random.end());
  generator_.seed(seed);
}

std::string Sources::draw(std::size_t source) {
  if (source == kGetrandom) return workload::hex(from_kernel());
  if (source == kUuid) return uuid(from_kernel());
  const std::array<std::uint64_t, 2> words = {generator_(), generator_()};
  Bytes bytes;
  static_assert(sizeof words == sizeof bytes);
  std::memcpy(bytes.data(), words.data(), sizeof bytes);
  return workload::hex(bytes);
}

}  // namespace snaphammer::entropy
