// A guest's RAM for tests: a memfd whose pages are written, zeroed and discarded by name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"
#include "lib/base/units.h"
#include "lib/snapshot/memory_image.h"

namespace snaphammer::snapshot {

using Page = std::array<std::byte, kPageSize>;

/// The content of a page, regenerated from its seed; never zeros.
inline Page page_of(std::uint64_t seed) {
  Page page;
  std::mt19937_64 random(seed);
  for (std::size_t at = 0; at < page.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random() | 1;
    std::memcpy(page.data() + at, &word, sizeof word);
  }
  return page;
}

class GuestRam {
 public:
  explicit GuestRam(std::size_t pages) : fd_(::memfd_create("guest-ram", MFD_CLOEXEC)), pages_(pages) {
    EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(size())), 0);
  }

  ByteCount size() const { return pages_ * kPageSize; }
  int fd() const { return fd_.get(); }
  MemoryImage image() const { return {.ram_fd = fd(), .size = size()}; }

  void write(std::size_t page, std::uint64_t seed) { put(page, page_of(seed)); }
  void write_zeros(std::size_t page) { put(page, Page{}); }
  /// Gives the page back to the host, as a balloon does.
  void discard(std::size_t page) {
    ASSERT_EQ(::fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset(page), kPageSize), 0);
  }
  void put(std::size_t page, const Page& bytes) {
    ASSERT_EQ(::pwrite(fd(), bytes.data(), bytes.size(), offset(page)), ssize_t{kPageSize});
  }
  std::vector<std::byte> bytes() const {
    std::vector<std::byte> all(size());
    EXPECT_EQ(::pread(fd(), all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
    return all;
  }
  /// How much memory it takes: what nobody touched takes none.
  ByteCount allocated() const {
    struct stat status {};
    EXPECT_EQ(::fstat(fd(), &status), 0);
    return static_cast<ByteCount>(status.st_blocks) * 512;
  }

 private:
  static off_t offset(std::size_t page) { return static_cast<off_t>(page * kPageSize); }

  UniqueFd fd_;
  std::size_t pages_;
};

}  // namespace snaphammer::snapshot
