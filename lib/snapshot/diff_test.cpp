// Generations: diffs by content, what they inherit, merge, removal and garbage collection.
#include <gmock/gmock.h>

#include "lib/snapshot/testing/store_fixture.h"

namespace snaphammer::snapshot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class DiffTest : public StoreTest {
 protected:
  DiffTest() {
    for (std::size_t page = 0; page < 32; ++page) ram_.write(page, page);
    take_full(store_, "s1", ram_.image());
  }

  GuestRam ram_ = GuestRam(64);
  const SnapshotStore store_ = open();
};

TEST_F(DiffTest, StoresThePagesThatDifferByContent) {
  ram_.write(3, 1003);
  ram_.write(4, 4);    // Written again with the same bytes.
  ram_.write(50, 50);  // Was zeros.
  EXPECT_EQ(take_diff(store_, "s2", "s1", ram_.image()).memory_stored, 2 * kPageSize);
  expect_restores(store_, "s2", ram_.bytes());
  expect_whole(store_, "s2");
}

TEST_F(DiffTest, WithoutAChangeStoresNothing) {
  const Manifest manifest = take_diff(store_, "s2", "s1", ram_.image());
  EXPECT_EQ(manifest.memory_stored, 0u);
  EXPECT_EQ(manifest.sources.size(), 1u);
  expect_restores(store_, "s2", ram_.bytes());
}

TEST_F(DiffTest, APageThatBecameZeroIsZero) {
  ram_.discard(3);
  ram_.write_zeros(4);
  take_diff(store_, "s2", "s1", ram_.image());
  expect_restores(store_, "s2", ram_.bytes());
}

TEST_F(DiffTest, ReadingZeroAsUnchangedBringsOldBytesBack) {
  ram_.discard(3);
  ram_.write_zeros(4);
  const SnapshotStore wrong = open({.zero_blocks = ZeroBlocks::kUnchanged, .sync = Sync::kOff});
  take_diff(wrong, "s2", "s1", ram_.image());
  const auto memory = load(wrong, "s2").memory;
  std::vector<std::byte> scratch(kPageSize);
  EXPECT_TRUE(std::ranges::equal(memory->read(3 * kPageSize, kPageSize, scratch).value(), page_of(3)));
  EXPECT_TRUE(std::ranges::equal(memory->read(4 * kPageSize, kPageSize, scratch).value(), page_of(4)));
}

TEST_F(DiffTest, AChainReadsEachPageFromTheGenerationThatStoresIt) {
  for (int generation = 2; generation <= 10; ++generation) {
    const auto page = static_cast<std::size_t>(generation);
    ram_.write(page, 1000 + page);
    ram_.discard(page + 20);
    take_diff(store_, "s" + std::to_string(generation), "s" + std::to_string(generation - 1), ram_.image());
  }
  expect_restores(store_, "s10", ram_.bytes());
  const auto report = store_.verify("s10").value();
  EXPECT_TRUE(report.whole());
  EXPECT_EQ(report.generations, 10u);
}

TEST_F(DiffTest, AGenerationThatNoPageComesFromIsNoSource) {
  for (std::size_t page = 0; page < 32; ++page) ram_.write(page, 1000 + page);
  EXPECT_TRUE(take_diff(store_, "s2", "s1", ram_.image()).sources.empty());
  ASSERT_TRUE(store_.remove("s1"));
  expect_restores(store_, "s2", ram_.bytes());
  expect_whole(store_, "s2");
}

TEST_F(DiffTest, AParentOfAnotherSizeIsRefused) {
  GuestRam larger(65);
  EXPECT_EQ(try_diff(store_, "s2", "s1", larger.image()).error().kind(), ErrorKind::kInvalid);
  EXPECT_EQ(try_diff(store_, "s2", "s0", ram_.image()).error().kind(), ErrorKind::kInvalid);
}

// A guest restored from s1 whose RAM has only the pages that it touched since.
class RestoredGuestTest : public DiffTest {
 protected:
  RestoredGuestTest() {
    expected_ = ram_.bytes();
    touch(5, 1005);
    touch(40, 1040);
  }
  void touch(std::size_t page, std::uint64_t seed) {
    restored_.write(page, seed);
    const Page bytes = page_of(seed);
    std::ranges::copy(bytes, expected_.begin() + static_cast<std::ptrdiff_t>(page * kPageSize));
  }
  MemoryImage image() { return image(store_); }
  MemoryImage image(const SnapshotStore& base_from) {
    return {.ram_fd = restored_.fd(),
            .size = restored_.size(),
            .untouched = {{0, 5 * kPageSize}, {7 * kPageSize, 20 * kPageSize}, {41 * kPageSize, 23 * kPageSize}},
            .base = load(base_from, "s1").memory};
  }
  void forget(std::size_t page) {
    std::fill_n(expected_.begin() + static_cast<std::ptrdiff_t>(page * kPageSize), kPageSize, std::byte{});
  }

  GuestRam restored_ = GuestRam(64);
  std::vector<std::byte> expected_;
};

TEST_F(RestoredGuestTest, AHoleIsWhatTheBaseSaysOnlyWhereItIsUntouched) {
  for (std::size_t page = 27; page < 40; ++page) forget(page);  // Fetched, then discarded: zeros.
  forget(6);
  take_diff(store_, "s2", "s1", image());
  expect_restores(store_, "s2", expected_);
  take_full(store_, "s3", image());
  expect_restores(store_, "s3", expected_);
  expect_whole(store_, "s3");
  EXPECT_TRUE(store_.manifest("s3").value().sources.empty());
}

TEST_F(RestoredGuestTest, MayBeADiffAgainstAnotherSnapshotThanItsBase) {
  for (std::size_t page = 27; page < 40; ++page) forget(page);
  forget(6);
  GuestRam other(64);
  other.write(1, 1);
  other.write(60, 60);
  take_full(store_, "other", other.image());
  take_diff(store_, "s2", "other", image());
  expect_restores(store_, "s2", expected_);
  expect_whole(store_, "s2");
}

TEST_F(RestoredGuestTest, DamageInTheBaseIsNotCopied) {
  std::string memory = contents(files("s1").memory());
  memory[10 * kPageSize] ^= 1;
  overwrite(files("s1").memory(), memory);
  EXPECT_EQ(try_full(store_, "s2", image()).error().kind(), ErrorKind::kCorrupt);
  const SnapshotStore careless = open({.checksums = Checksums::kIgnored, .sync = Sync::kOff});
  EXPECT_EQ(try_full(careless, "s2", image(careless)).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(careless.merge("s1", "s2").error().kind(), ErrorKind::kCorrupt);
}

TEST_F(RestoredGuestTest, DataInAnUntouchedRangeIsTheTrackersMistake) {
  restored_.write(8, 8);
  const auto refused = try_diff(store_, "s2", "s1", image());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("0x8000"));
}

TEST_F(DiffTest, MergingMakesAGenerationThatNeedsNoOther) {
  ram_.write(3, 1003);
  ram_.discard(7);
  take_diff(store_, "s2", "s1", ram_.image());
  ASSERT_TRUE(store_.set_working_set("s2", std::vector<ByteCount>{kPageSize}));
  const Manifest merged = store_.merge("s2", "m").value();
  EXPECT_TRUE(merged.sources.empty());
  EXPECT_EQ(merged.metadata, nlohmann::json({{"kernel", "6.1"}}));
  EXPECT_TRUE(store_.collect_garbage({"m"}));
  EXPECT_THAT(store_.ids().value(), ElementsAre("m"));
  expect_whole(store_, "m");
  const Snapshot snapshot = load(store_, "m");
  EXPECT_TRUE(read_all(*snapshot.memory).value() == ram_.bytes());
  EXPECT_EQ(contents(snapshot.vmstate_path), vmstate_of("s2"));
  EXPECT_THAT(snapshot.working_set, ElementsAre(kPageSize));
}

TEST_F(DiffTest, WhatAnotherNeedsIsNotRemoved) {
  ram_.write(3, 1003);
  take_diff(store_, "s2", "s1", ram_.image());
  const auto refused = store_.remove("s1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(refused.error().message(), HasSubstr("'s2'"));
  ASSERT_TRUE(store_.remove("s2"));
  ASSERT_TRUE(store_.remove("s1"));
  EXPECT_THAT(entries(), ElementsAre(".lock"));
}

TEST_F(DiffTest, NothingIsRemovedWhileSomebodyWrites) {
  auto writer = store_.begin("s2").value();
  EXPECT_EQ(store_.remove("s1").error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(store_.collect_garbage({}).error().kind(), ErrorKind::kUnavailable);
  overwrite(writer.vmstate_path(), vmstate_of("s2"));
  ASSERT_TRUE(writer.write_diff(ram_.image(), "s1"));
  ASSERT_TRUE(writer.publish());
  expect_restores(store_, "s2", ram_.bytes());
}

TEST_F(DiffTest, GarbageIsWhatNoKeptSnapshotNeeds) {
  ram_.write(3, 1003);
  take_diff(store_, "s2", "s1", ram_.image());
  const auto kept = ram_.bytes();
  ram_.write(4, 1004);
  take_diff(store_, "s3", "s2", ram_.image());
  take_diff(store_, "s4", "s3", ram_.image());
  take_full(store_, "other", ram_.image());

  // Dependents go before what they need, so that a kill in between leaves only restorable ones.
  EXPECT_THAT(store_.collect_garbage({"s2"}).value(), ElementsAre("other", "s4", "s3"));
  EXPECT_THAT(store_.ids().value(), ElementsAre("s1", "s2"));
  expect_restores(store_, "s2", kept);
  EXPECT_TRUE(store_.verify_all().value().whole());
  EXPECT_FALSE(store_.collect_garbage({"s9"})) << "keeping what is not there is a mistake";
  EXPECT_THAT(store_.ids().value(), ElementsAre("s1", "s2"));
}

TEST_F(DiffTest, AGenerationMadeAgainUnderItsNameIsNotTakenForTheOldOne) {
  ram_.write(3, 1003);
  take_diff(store_, "s2", "s1", ram_.image());
  // Behind the store's back, as somebody who copies directories does.
  std::filesystem::remove_all(files("s1").directory);
  take_full(store_, "s1", ram_.image());
  const auto wrong_parent = store_.load("s2");
  ASSERT_FALSE(wrong_parent);
  EXPECT_EQ(wrong_parent.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(wrong_parent.error().message(), HasSubstr("another generation"));
  expect_damaged(store_, "s2", "wrong parent");
  std::filesystem::remove_all(files("s1").directory);
  EXPECT_EQ(store_.load("s2").error().kind(), ErrorKind::kCorrupt);
  expect_damaged(store_, "s2", "missing parent");
}

}  // namespace
}  // namespace snaphammer::snapshot
