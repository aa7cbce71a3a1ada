// Anonymous memory of the program, straight from the kernel.
//
//   const AnonymousMemory memory(64 << 20);
//   if (!memory) ... errno says why
//   memory.words()[0] = 1;
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace snaphammer::workload {

/// Whole pages, not reserved; unmapped with it.
class AnonymousMemory {
 public:
  explicit AnonymousMemory(std::size_t bytes);
  ~AnonymousMemory();
  AnonymousMemory(const AnonymousMemory&) = delete;
  AnonymousMemory& operator=(const AnonymousMemory&) = delete;

  explicit operator bool() const { return !words_.empty(); }
  std::span<std::uint64_t> words() const { return words_; }
  std::uint8_t* data() const { return reinterpret_cast<std::uint8_t*>(words_.data()); }
  std::size_t bytes() const { return words_.size_bytes(); }

 private:
  std::span<std::uint64_t> words_;
};

/// Gives whole pages back to the kernel, which hands out zeros there when they are touched again.
/// MADV_DONTNEED, as language runtimes do it: unlike with munmap() the page tables stay. Were those taken anew, a server
/// that hands out stale pages would hit them too, and crash the guest's kernel before anything could be reported.
void give_back(void* address, std::size_t bytes);

/// Where a page of this process is in physical memory, from /proc/self/pagemap; needs CAP_SYS_ADMIN.
std::optional<std::uint64_t> physical_address(std::uint64_t address);

}  // namespace snaphammer::workload
