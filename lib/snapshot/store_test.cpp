#include "lib/snapshot/store.h"

#include <cmath>

#include <gmock/gmock.h>

#include "lib/snapshot/testing/store_fixture.h"

namespace snaphammer::snapshot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(StoreTest, AFullSnapshotRestoresEveryByte) {
  const SnapshotStore store = open({});
  GuestRam ram(64);
  for (const std::size_t page : {0, 1, 2, 17, 40, 41, 63}) ram.write(page, page);
  take_full(store, "s1", ram.image());
  expect_restores(store, "s1", ram.bytes());
  expect_whole(store, "s1");
}

TEST_F(StoreTest, OnlyDataIsStored) {
  const SnapshotStore store = open();
  GuestRam ram(64);
  ram.write(3, 1);
  ram.write(4, 2);
  ram.write_zeros(5);  // Allocated, and zeros.
  ram.write(6, 3);
  const Manifest manifest = take_full(store, "s1", ram.image());
  EXPECT_EQ(manifest.memory_stored, 3 * kPageSize);
  EXPECT_EQ(std::filesystem::file_size(files("s1").memory()), 3 * kPageSize);
  EXPECT_THAT(load(store, "s1").memory->data(),
              ElementsAre(Extent{3 * kPageSize, 2 * kPageSize}, Extent{6 * kPageSize, kPageSize}));
}

TEST_F(StoreTest, TakingASnapshotAllocatesNothingInTheGuest) {
  const SnapshotStore store = open();
  GuestRam ram(1024);
  ram.write(500, 1);
  const ByteCount before = ram.allocated();
  take_full(store, "s1", ram.image());
  take_diff(store, "s2", "s1", ram.image());
  EXPECT_EQ(ram.allocated(), before);
}

TEST_F(StoreTest, AGuestOfNothingButZerosIsASnapshotToo) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  EXPECT_EQ(take_full(store, "s1", ram.image()).memory_stored, 0u);
  expect_restores(store, "s1", ram.bytes());
  EXPECT_TRUE(load(store, "s1").memory->data().empty());
}

TEST_F(StoreTest, TheManifestKeepsWhatItWasGiven) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  ram.write(1, 1);
  const Manifest taken = take_full(store, "s1", ram.image());
  const Snapshot loaded = load(store, "s1");
  EXPECT_EQ(loaded.manifest, taken);
  EXPECT_EQ(loaded.manifest.metadata, nlohmann::json({{"kernel", "6.1"}}));
  EXPECT_EQ(loaded.manifest.parent, std::nullopt);
  EXPECT_EQ(take_diff(store, "s2", "s1", ram.image()).parent, (GenerationRef{"s1", taken.build}));
}

TEST_F(StoreTest, AContiguousReadIsAViewOfTheFile) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  for (std::size_t page = 4; page < 8; ++page) ram.write(page, page);
  take_full(store, "s1", ram.image());
  const auto memory = load(store, "s1").memory;
  std::vector<std::byte> scratch(4 * kPageSize);
  const auto inside = memory->read(4 * kPageSize, 4 * kPageSize, scratch);
  ASSERT_TRUE(inside);
  EXPECT_NE(inside->data(), scratch.data());
  const auto across = memory->read(6 * kPageSize, 4 * kPageSize, scratch);
  ASSERT_TRUE(across);
  EXPECT_EQ(across->data(), scratch.data());
  EXPECT_TRUE(std::ranges::equal(across->first(kPageSize), page_of(6)));
  EXPECT_TRUE(std::ranges::equal(across->last(kPageSize), Page{}));
}

TEST_F(StoreTest, ASnapshotIsInvisibleUntilItIsPublished) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  auto writer = store.begin("s1").value();
  overwrite(writer.vmstate_path(), "x");
  ASSERT_TRUE(writer.write_full(ram.image()));
  EXPECT_TRUE(store.ids().value().empty());
  EXPECT_FALSE(store.load("s1"));
  ASSERT_TRUE(writer.publish());
  EXPECT_THAT(store.ids().value(), ElementsAre("s1"));
}

TEST_F(StoreTest, AnAbandonedWriterLeavesNothing) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  {
    auto writer = store.begin("s1").value();
    overwrite(writer.vmstate_path(), "x");
    ASSERT_TRUE(writer.write_full(ram.image()));
  }
  EXPECT_THAT(entries(), ElementsAre(".lock"));
}

TEST_F(StoreTest, OpeningRemovesWhatDeadWritersLeftAndNothingElse) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  take_full(store, "s1", ram.image());
  auto alive = store.begin("s2").value();
  overwrite(alive.vmstate_path(), vmstate_of("s2"));
  const auto dead = directory_ / ".tmp-0123456789abcdef0123456789abcdef";
  std::filesystem::create_directory(dead);
  overwrite(dead / "memory", "half");

  open();
  EXPECT_FALSE(std::filesystem::exists(dead));
  ASSERT_TRUE(alive.write_full(ram.image()));
  ASSERT_TRUE(alive.publish());
  expect_restores(store, "s1", ram.bytes());
  expect_restores(store, "s2", ram.bytes());
}

TEST_F(StoreTest, AReaderOutlivesItsSnapshot) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  ram.write(5, 5);
  take_full(store, "s1", ram.image());
  const Snapshot snapshot = load(store, "s1");
  ASSERT_TRUE(store.remove("s1"));
  EXPECT_THAT(entries(), ElementsAre(".lock"));
  EXPECT_TRUE(read_all(*snapshot.memory).value() == ram.bytes());
}

TEST_F(StoreTest, AnIdIsUsedOnce) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  auto first = store.begin("s1").value();
  auto second = store.begin("s1").value();  // Neither is there yet; the first to publish wins.
  for (auto* writer : {&first, &second}) {
    overwrite(writer->vmstate_path(), vmstate_of("s1"));
    ASSERT_TRUE(writer->write_full(ram.image()));
  }
  ASSERT_TRUE(first.publish());
  EXPECT_FALSE(second.publish());
  EXPECT_EQ(store.begin("s1").error().kind(), ErrorKind::kInvalid);
  expect_restores(store, "s1", ram.bytes());
}

TEST_F(StoreTest, AnIdIsNoPath) {
  const SnapshotStore store = open();
  for (const char* id : {"", ".", "..", "../s1", "a/b", ".tmp-x", "a b", "ä"}) {
    EXPECT_EQ(store.begin(id).error().kind(), ErrorKind::kInvalid) << id;
    EXPECT_EQ(store.load(id).error().kind(), ErrorKind::kInvalid) << id;
    EXPECT_EQ(store.remove(id).error().kind(), ErrorKind::kInvalid) << id;
  }
}

TEST_F(StoreTest, WhatIsNotThereIsNamed) {
  const SnapshotStore store = open();
  EXPECT_THAT(store.load("s9").error().message(), HasSubstr("no snapshot 's9' in " + directory_.string()));
  EXPECT_EQ(store.verify("s9").error().kind(), ErrorKind::kInvalid);
}

TEST_F(StoreTest, PublishingNeedsTheDeviceStateAndTheMemory) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  auto without_vmstate = store.begin("s1").value();
  ASSERT_TRUE(without_vmstate.write_full(ram.image()));
  EXPECT_THAT(without_vmstate.publish().error().message(), HasSubstr("no device state"));
  auto without_memory = store.begin("s1").value();
  overwrite(without_memory.vmstate_path(), "x");
  EXPECT_THAT(without_memory.publish().error().message(), HasSubstr("no memory"));
}

TEST_F(StoreTest, AFileThatNobodyAskedForIsRefused) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  auto writer = store.begin("s1").value();
  overwrite(writer.vmstate_path(), "x");
  overwrite(writer.vmstate_path().string() + ".part", "x");
  ASSERT_TRUE(writer.write_full(ram.image()));
  EXPECT_THAT(writer.publish().error().message(), HasSubstr("vmstate.part"));
}

TEST_F(StoreTest, MetadataThatCannotBeReadBackIsRefused) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  for (const nlohmann::json& bad : {nlohmann::json("\xff"), nlohmann::json(std::nan(""))}) {
    auto writer = store.begin("s1", bad).value();
    overwrite(writer.vmstate_path(), "x");
    ASSERT_TRUE(writer.write_full(ram.image()));
    EXPECT_EQ(writer.publish().error().kind(), ErrorKind::kInvalid);
  }
  EXPECT_THAT(entries(), ElementsAre(".lock"));
}

TEST_F(StoreTest, TheWorkingSetIsKeptWithTheSnapshot) {
  const SnapshotStore store = open();
  GuestRam ram(16);
  take_full(store, "s1", ram.image());
  EXPECT_TRUE(load(store, "s1").working_set.empty());
  ASSERT_TRUE(store.set_working_set("s1", std::vector<ByteCount>{5 * kPageSize, 2 * kPageSize}));
  ASSERT_TRUE(store.set_working_set("s1", std::vector<ByteCount>{7 * kPageSize, 0}));
  EXPECT_THAT(load(store, "s1").working_set, ElementsAre(7 * kPageSize, 0));
  EXPECT_EQ(store.set_working_set("s1", std::vector<ByteCount>{16 * kPageSize}).error().kind(), ErrorKind::kInvalid);
  expect_whole(store, "s1");
}

TEST_F(StoreTest, OneByteInMemoryIsFoundWhenItIsRead) {
  GuestRam ram(16);
  for (std::size_t page = 0; page < 8; ++page) ram.write(page, page);
  take_full(open(), "s1", ram.image());
  std::string memory = contents(files("s1").memory());
  memory[5 * kPageSize + 77] ^= 0x10;
  overwrite(files("s1").memory(), memory);

  std::vector<std::byte> scratch(kPageSize);
  const auto checked = load(open(), "s1").memory;
  EXPECT_TRUE(checked->read(4 * kPageSize, kPageSize, scratch));
  const auto damaged = checked->read(5 * kPageSize, kPageSize, scratch);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(damaged.error().message(), HasSubstr(files("s1").memory().string() + " at 0x5000"));

  const auto ignored = load(open({.checksums = Checksums::kIgnored, .sync = Sync::kOff}), "s1").memory;
  const auto bytes = ignored->read(5 * kPageSize, kPageSize, scratch);
  ASSERT_TRUE(bytes) << "with checksums ignored the damage goes unnoticed";
  EXPECT_FALSE(std::ranges::equal(*bytes, page_of(5)));
}

TEST_F(StoreTest, AMemoryFileCutOffWhileItIsServedIsAnErrorAndNoSignal) {
  GuestRam ram(16);
  for (std::size_t page = 0; page < 8; ++page) ram.write(page, page);
  take_full(open(), "s1", ram.image());
  const auto memory = load(open(), "s1").memory;
  std::filesystem::resize_file(files("s1").memory(), 3 * kPageSize);
  std::vector<std::byte> scratch(kPageSize);
  EXPECT_TRUE(memory->read(2 * kPageSize, kPageSize, scratch));
  EXPECT_EQ(memory->read(3 * kPageSize, kPageSize, scratch).error().kind(), ErrorKind::kCorrupt);
}

TEST_F(StoreTest, DamageOutsideMemoryIsFoundByLoading) {
  GuestRam ram(16);
  ram.write(1, 1);
  const SnapshotStore store = open();
  take_full(store, "s1", ram.image());
  ASSERT_TRUE(store.set_working_set("s1", std::vector<ByteCount>{0}));
  const GenerationFiles s1 = files("s1");
  for (const auto& file : {s1.manifest(), s1.header(), s1.vmstate(), s1.working_set()}) {
    const std::string good = contents(file);
    std::string bad = good;
    bad[bad.size() / 2] ^= 1;
    overwrite(file, bad);
    EXPECT_EQ(store.load("s1").error().kind(), ErrorKind::kCorrupt) << file;
    EXPECT_THAT(store.load("s1").error().message(), HasSubstr(file.string()));
    overwrite(file, good.substr(0, good.size() - 1));
    EXPECT_EQ(store.load("s1").error().kind(), ErrorKind::kCorrupt) << file << " cut off";
    overwrite(file, good);
  }
  std::filesystem::resize_file(s1.memory(), 0);
  EXPECT_EQ(store.load("s1").error().kind(), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace snaphammer::snapshot
