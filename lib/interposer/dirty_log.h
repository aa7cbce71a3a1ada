// The bitmap in which QEMU, while it migrates a running guest, is told of every page that the device
// writes (VHOST_F_LOG_ALL): one bit per 4 KiB of guest physical memory.
//
// mark() may be called from any thread; QEMU reads and clears the bits meanwhile.
#pragma once

#include <atomic>
#include <cstdint>

namespace snaphammer::interposer {

class DirtyLog {
 public:
  /// Logs nothing.
  DirtyLog() = default;
  /// `bitmap` is QEMU's, and covers every address of the memory table.
  explicit DirtyLog(std::uint64_t* bitmap) : bitmap_(bitmap) {}

  explicit operator bool() const { return bitmap_ != nullptr; }

  /// The pages of [address, address + length), which must be guest memory.
  void mark(std::uint64_t address, std::uint64_t length) const {
    if (bitmap_ == nullptr || length == 0) return;
    for (std::uint64_t page = address / kPage; page <= (address + length - 1) / kPage; ++page) {
      std::atomic_ref<std::uint64_t>(bitmap_[page / 64]).fetch_or(1ULL << (page % 64), std::memory_order_relaxed);
    }
  }

 private:
  static constexpr std::uint64_t kPage = 4096;  // VHOST_PAGE_SIZE
  std::uint64_t* bitmap_ = nullptr;
};

}  // namespace snaphammer::interposer
