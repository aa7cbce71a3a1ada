// FileSource: a PageSource of a mapped file that a test makes shorter.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"
#include "lib/uffd/page_source.h"

namespace snaphammer::uffd {

/// All of it is data: zero bytes, as a file of its size has them.
class FileSource : public PageSource {
 public:
  explicit FileSource(ByteCount size) : data_({{0, size}}), file_(::memfd_create("source", MFD_CLOEXEC)) {
    resize(size);
    Result<Mapping> mapped = Mapping::map(size, PROT_READ, MAP_SHARED, file_.get());
    EXPECT_TRUE(mapped) << mapped.error().describe();
    if (mapped) mapping_ = std::move(*mapped);
  }

  void resize(ByteCount size) const { EXPECT_EQ(::ftruncate(file_.get(), static_cast<off_t>(size)), 0); }

  ByteCount size() const override { return data_.front().length; }
  const std::vector<Extent>& data() const override { return data_; }
  Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length, std::span<std::byte>) const override {
    return std::span<const std::byte>(mapping_.bytes()).subspan(offset, length);
  }
  Extent at_hand(ByteCount, std::size_t) const override { return {0, size()}; }

 private:
  std::vector<Extent> data_;
  UniqueFd file_;
  Mapping mapping_;
};

}  // namespace snaphammer::uffd
