#include "lib/base/mapped_read.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer {
namespace {

class MappedReadTest : public testing::Test {
 protected:
  static constexpr std::size_t kPages = 4;

  void SetUp() override {
    file_.reset(::memfd_create("mapped", MFD_CLOEXEC));
    set_pages(kPages);
    auto mapped = Mapping::map(kPages * kPageSize, PROT_READ, MAP_SHARED, file_.get());
    ASSERT_TRUE(mapped) << mapped.error().describe();
    mapping_ = std::move(*mapped);
  }
  void set_pages(std::size_t pages) const {
    ASSERT_EQ(::ftruncate(file_.get(), static_cast<off_t>(pages * kPageSize)), 0);
  }
  std::byte touch(std::size_t page) const {
    return *static_cast<const volatile std::byte*>(mapping_.data() + page * kPageSize);
  }
  bool reads(std::size_t page) const {
    return read_mapped([&] { static_cast<void>(touch(page)); });
  }

  UniqueFd file_;
  Mapping mapping_;
};

TEST_F(MappedReadTest, ReadsWhatTheFileHas) {
  ASSERT_EQ(::pwrite(file_.get(), "x", 1, kPageSize), 1);
  std::byte seen{};
  EXPECT_TRUE(read_mapped([&] { seen = touch(1); }));
  EXPECT_EQ(seen, std::byte{'x'});
}

TEST_F(MappedReadTest, SaysSoAtEveryPageThatIsCutOff) {
  set_pages(2);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(reads(1));
    EXPECT_FALSE(reads(2));
    EXPECT_FALSE(reads(3));
  }
  set_pages(kPages);
  EXPECT_TRUE(reads(3));
}

TEST_F(MappedReadTest, OneInsideAnotherLeavesThatOneToGoOn) {
  set_pages(1);
  bool inner = true;
  bool after = false;
  EXPECT_FALSE(read_mapped([&] {
    inner = reads(2);
    after = true;
    static_cast<void>(touch(3));
    after = false;
  }));
  EXPECT_FALSE(inner);
  EXPECT_TRUE(after);
}

TEST_F(MappedReadTest, IsForEachThreadWhileTheFileBecomesShorterAndLonger) {
  std::atomic<bool> stop = false;
  std::atomic<int> cut_off = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        if (!reads(kPages - 1)) ++cut_off;
      }
    });
  }
  while (cut_off < 1000) {
    set_pages(1);
    set_pages(kPages);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_F(MappedReadTest, ABusErrorElsewhereStillEndsTheProcess) {
  EXPECT_DEATH(
      {
        EXPECT_TRUE(reads(0));
        set_pages(1);
        touch(3);
      },
      "");
}

}  // namespace
}  // namespace snaphammer
