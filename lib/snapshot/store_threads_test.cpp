// Several threads on one store: readers of one snapshot, writers of several, and somebody who removes.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "lib/snapshot/testing/store_fixture.h"

namespace snaphammer::snapshot {
namespace {

TEST_F(StoreTest, ManyThreadsReadOneSnapshot) {
  const SnapshotStore store = open();
  GuestRam ram(256);
  for (std::size_t page = 0; page < 256; page += 2) ram.write(page, page);
  take_full(store, "s1", ram.image());
  const auto memory = load(store, "s1").memory;
  const auto expected = ram.bytes();
  std::vector<std::jthread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] { EXPECT_TRUE(read_all(*memory).value() == expected); });
  }
}

TEST_F(StoreTest, ThreadsThatReadAFileThatIsBeingCutOffGetErrorsAndNoSignal) {
  GuestRam ram(64);
  for (std::size_t page = 0; page < 64; page += 2) ram.write(page, page);  // A read of all is gathered from parts.
  take_full(open(), "s1", ram.image());
  const auto file = files("s1").memory();
  const std::string whole = contents(file);
  for (const Checksums checksums : {Checksums::kChecked, Checksums::kIgnored}) {
    const auto memory = load(open({.checksums = checksums, .sync = Sync::kOff}), "s1").memory;
    std::atomic<unsigned> damaged = 0;
    std::vector<std::jthread> readers;
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([&] {
        std::vector<std::byte> scratch(memory->size());
        while (damaged < 100) {
          const auto bytes = memory->read(0, memory->size(), scratch);
          if (bytes) continue;
          EXPECT_EQ(bytes.error().kind(), ErrorKind::kCorrupt) << bytes.error().describe();
          ++damaged;
        }
      });
    }
    while (damaged < 100) {
      std::filesystem::resize_file(file, 3 * kPageSize);
      std::filesystem::resize_file(file, whole.size());
    }
    readers.clear();
    overwrite(file, whole);
  }
}

TEST_F(StoreTest, WritersAndARemoverShareAStore) {
  const SnapshotStore store = open();
  GuestRam ram(64);
  for (std::size_t page = 0; page < 32; ++page) ram.write(page, page);
  take_full(store, "base", ram.image());
  take_diff(store, "kept", "base", ram.image());
  constexpr int kWriters = 3, kRounds = 20;
  std::atomic<int> writing = kWriters;
  {
    std::vector<std::jthread> threads;
    for (int writer = 0; writer < kWriters; ++writer) {
      threads.emplace_back([&, writer] {
        for (int round = 0; round < kRounds; ++round) {
          const std::string id = "w" + std::to_string(writer) + "-" + std::to_string(round);
          take_diff(store, id, "base", ram.image());
          open();  // Somebody opens the store meanwhile: it must leave the living writers alone.
        }
        --writing;
      });
    }
    threads.emplace_back([&] {
      while (writing > 0) {
        const auto ids = store.ids().value();
        for (const std::string& id : ids) {
          if (id == "kept") continue;
          // "base" is needed, at least by "kept"; the others may go, unless somebody is writing.
          const auto removed = store.remove(id);
          EXPECT_TRUE(removed ? id != "base" : removed.error().kind() == ErrorKind::kUnavailable);
        }
      }
    });
  }
  const auto ids = store.ids().value();
  for (const std::string& id : ids) expect_restores(store, id, ram.bytes());
  EXPECT_TRUE(store.verify_all().value().whole());
}

}  // namespace
}  // namespace snaphammer::snapshot
