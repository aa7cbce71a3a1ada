// FakeVmm: plays the VMM in this process. It maps guest memory, registers it with userfaultfd, hands it off, and
// touches and discards pages as a guest and its balloon would.
//
//   FakeVmm vmm({.shared = true}, {16_MiB});
//   ASSERT_TRUE(vmm.hand_off("/tmp/.../uffd.sock"));
//   EXPECT_EQ(vmm.page(0), pattern);        // faults
//   EXPECT_TRUE(vmm.remove(0, 4096));       // balloon
//   EXPECT_FALSE(vmm.is_mapped(0));         // the kernel's own view
#pragma once

#include <atomic>
#include <filesystem>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/base/units.h"
#include "lib/uffd/handoff.h"

namespace snaphammer::uffd {

struct MemoryKind {
  bool shared = false;
  ByteCount page_size = kPageSize;

  std::string name() const { return std::string(shared ? "Shared" : "Private") + (page_size == 4_KiB ? "4K" : "2M"); }
};

/// Makes sure that the host has `count` free 2 MiB pages; an error says why not. They are given back at exit.
Result<void> reserve_huge_pages(std::size_t count);

class FakeVmm {
 public:
  /// Maps one region for each size, one after the other in the memory file. Ends the test program when the kernel
  /// refuses what every test needs.
  FakeVmm(MemoryKind kind, const std::vector<ByteCount>& region_sizes, std::uint64_t extra_features = 0);
  /// Lets threads that still wait for a page go on (they read zeros), and joins them.
  ~FakeVmm();

  const std::vector<Region>& regions() const { return regions_; }
  int userfaultfd() const { return uffd_.get(); }
  /// Connects to the page server and sends the hand-off; the connection stays open.
  Result<void> hand_off(const std::filesystem::path& socket);
  void close_connection() { connection_.reset(); }

  /// Where a byte of the memory file is mapped.
  std::byte* at(ByteCount offset) const;

  /// A host page as the guest sees it. The future becomes ready when the fault, if there is one, is resolved.
  using Page = std::vector<std::uint64_t>;
  std::shared_future<Page> touch(ByteCount offset);
  /// touch() and wait; nullopt (and a test failure) when it takes far too long.
  std::optional<Page> page(ByteCount offset);
  /// Writes a word to the page, as a guest would.
  void write(ByteCount offset, std::uint64_t word);

  /// Discards a range as a balloon would: MADV_DONTNEED on private, MADV_REMOVE on shared memory.
  std::shared_future<bool> start_remove(ByteCount offset, ByteCount length);
  bool remove(ByteCount offset, ByteCount length);

  /// Installs a page behind the page server's back.
  bool plant(ByteCount offset, std::uint64_t word);
  /// Waits until the thread of the last start_remove() sleeps in the kernel because its REMOVE was not read yet.
  bool await_remove_raised() const;
  /// Waits until an event can be read that nobody has read yet.
  bool await_unread_event() const;
  /// Whether the kernel has the page in this process's page tables (/proc/self/pagemap).
  bool is_mapped(ByteCount offset) const;
  /// Gives userfaultfd up: who waits goes on with zeros.
  void unregister();

  /// For tests that unmap or move memory by themselves.
  void forget_region(std::size_t index) { mappings_[index].release(); }

 private:
  struct OwnedRange {
    std::byte* start = nullptr;
    std::size_t length = 0;
    OwnedRange(std::byte* s, std::size_t l) : start(s), length(l) {}
    OwnedRange(OwnedRange&& other) noexcept : start(std::exchange(other.start, nullptr)), length(other.length) {}
    ~OwnedRange();
    void release() { start = nullptr; }
  };

  const MemoryKind kind_;
  UniqueFd memory_file_;
  UniqueFd uffd_;
  UniqueFd connection_;
  std::vector<Region> regions_;
  std::vector<OwnedRange> mappings_;
  std::list<std::thread> threads_;
  std::atomic<pid_t> remover_ = 0;
};

}  // namespace snaphammer::uffd
