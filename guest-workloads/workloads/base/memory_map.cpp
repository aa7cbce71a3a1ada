#include "guest-workloads/workloads/base/memory_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::workload {

AnonymousMemory::AnonymousMemory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  words_ = {static_cast<std::uint64_t*>(memory), bytes / sizeof(std::uint64_t)};
}

AnonymousMemory::~AnonymousMemory() {
  if (*this) ::munmap(words_.data(), words_.size_bytes());
}

void give_back(void* address, std::size_t bytes) { ::madvise(address, bytes, MADV_DONTNEED); }

std::optional<std::uint64_t> physical_address(std::uint64_t address) {
  // Documentation/admin-guide/mm/pagemap.rst: bit 63 present, bits 0 to 54 the frame, which is 0 without privilege.
  static const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
  constexpr std::uint64_t kFrame = (std::uint64_t{1} << 55) - 1;
  std::uint64_t entry = 0;
  const off_t at = static_cast<off_t>(address / kPageBytes * sizeof entry);
  if (pagemap < 0 || ::pread(pagemap, &entry, sizeof entry, at) != sizeof entry) return std::nullopt;
  if ((entry & kPresent) == 0 || (entry & kFrame) == 0) return std::nullopt;
  return (entry & kFrame) * kPageBytes;
}

}  // namespace snaphammer::workload
