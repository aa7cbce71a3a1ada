#include "lib/base/residency.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer {
namespace {

class ResidencyTest : public testing::Test {
 protected:
  static constexpr std::size_t kPages = 40;

  void SetUp() override {
    file_.reset(::memfd_create("residency", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(file_.get(), kPages * kPageSize), 0);
    auto mapped = Mapping::map(kPages * kPageSize, PROT_READ, MAP_SHARED, file_.get());
    ASSERT_TRUE(mapped) << mapped.error().describe();
    mapping_ = std::move(*mapped);
  }
  /// A page of a memory file is in memory once it was written.
  void bring_in(std::size_t first, std::size_t count) {
    const std::string bytes(count * kPageSize, 'x');
    ASSERT_EQ(::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(first * kPageSize)),
              static_cast<ssize_t>(bytes.size()));
  }
  /// First page and number of pages.
  std::pair<std::size_t, std::size_t> around(std::size_t page, std::size_t count = 1) const {
    const auto found = resident_around(mapping_.bytes(), page * kPageSize, count * kPageSize);
    if (found.empty()) return {0, 0};
    return {static_cast<std::size_t>(found.data() - mapping_.data()) / kPageSize, found.size() / kPageSize};
  }

  UniqueFd file_;
  Mapping mapping_;
};
using Range = std::pair<std::size_t, std::size_t>;

TEST_F(ResidencyTest, PageThatIsNotInMemoryHasNothingAround) {
  bring_in(4, 1);
  EXPECT_EQ(around(5), (Range{0, 0}));
}

TEST_F(ResidencyTest, ReachesAsFarAsNeighboursAreInMemory) {
  bring_in(3, 5);
  EXPECT_EQ(around(5), (Range{3, 5}));
  EXPECT_EQ(around(3), (Range{3, 5}));
  EXPECT_EQ(around(7), (Range{3, 5}));
}

TEST_F(ResidencyTest, EveryPageOfTheRangeMustBeInMemory) {
  bring_in(3, 2);
  bring_in(6, 1);
  EXPECT_EQ(around(3, 2), (Range{3, 2}));
  EXPECT_EQ(around(3, 3), (Range{0, 0}));
  EXPECT_EQ(around(3, 4), (Range{0, 0}));
}

TEST_F(ResidencyTest, WindowIsLookedAtUpToTheEndOfTheMapping) {
  bring_in(0, kPages);
  EXPECT_EQ(around(35), (Range{32, 8}));
  EXPECT_EQ(around(0), (Range{0, 16}));
  EXPECT_EQ(around(0, kPages), (Range{0, kPages}));
}

}  // namespace
}  // namespace snaphammer
