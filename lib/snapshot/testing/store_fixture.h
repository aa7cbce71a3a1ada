// A store in a temporary directory, and the verbs of its tests.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lib/snapshot/generation.h"
#include "lib/snapshot/store.h"
#include "lib/snapshot/testing/guest_ram.h"

namespace snaphammer::snapshot {

/// In memory where the host has that: these tests write many small files.
inline std::filesystem::path make_temporary_directory() {
  const std::filesystem::path memory = "/dev/shm";
  const auto parent = std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
  std::string path = (parent / "snapshot-test-XXXXXX").string();
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  return path;
}

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void overwrite(const std::filesystem::path& file, const std::string& contents) {
  std::ofstream(file, std::ios::binary) << contents;
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() : directory_(make_temporary_directory()) {}
  ~StoreTest() override { std::filesystem::remove_all(directory_); }

  SnapshotStore open(const StoreOptions& options = {.sync = Sync::kOff}) const {
    auto store = SnapshotStore::open(directory_, options);
    if (!store) ADD_FAILURE() << store.error().describe();
    return std::move(store).value();
  }

  // The device state is the snapshot's name, a few times.
  static std::string vmstate_of(const std::string& id) { return id + "." + id + "." + id; }

  static Result<Manifest> try_full(const SnapshotStore& store, const std::string& id, const MemoryImage& image) {
    SNAP_ASSIGN(SnapshotWriter writer, store.begin(id, {{"kernel", "6.1"}}));
    overwrite(writer.vmstate_path(), vmstate_of(id));
    SNAP_TRY(writer.write_full(image));
    return writer.publish();
  }
  static Result<Manifest> try_diff(const SnapshotStore& store, const std::string& id, const std::string& parent,
                                   const MemoryImage& image) {
    SNAP_ASSIGN(SnapshotWriter writer, store.begin(id, {{"kernel", "6.1"}}));
    overwrite(writer.vmstate_path(), vmstate_of(id));
    SNAP_TRY(writer.write_diff(image, parent));
    return writer.publish();
  }
  static Manifest take_full(const SnapshotStore& store, const std::string& id, const MemoryImage& image) {
    auto manifest = try_full(store, id, image);
    if (!manifest) ADD_FAILURE() << manifest.error().describe();
    return manifest.value_or(Manifest{});
  }
  static Manifest take_diff(const SnapshotStore& store, const std::string& id, const std::string& parent,
                            const MemoryImage& image) {
    auto manifest = try_diff(store, id, parent, image);
    if (!manifest) ADD_FAILURE() << manifest.error().describe();
    return manifest.value_or(Manifest{});
  }

  static Snapshot load(const SnapshotStore& store, const std::string& id) {
    auto snapshot = store.load(id);
    if (!snapshot) ADD_FAILURE() << snapshot.error().describe();
    return std::move(snapshot).value();
  }

  // The whole memory, read in pieces that do not fit the runs; what data() does not list must be zeros.
  static Result<std::vector<std::byte>> read_all(const MemoryReader& memory) {
    constexpr std::size_t kPiece = 3 * kPageSize;
    std::vector<std::byte> all(memory.size()), scratch(kPiece), listed(memory.size());
    for (ByteCount at = 0; at < memory.size(); at += kPiece) {
      SNAP_ASSIGN(const auto bytes, memory.read(at, std::min<ByteCount>(kPiece, memory.size() - at), scratch));
      std::copy(bytes.begin(), bytes.end(), all.begin() + static_cast<std::ptrdiff_t>(at));
    }
    for (const Extent& extent : memory.data()) {
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(extent.offset), extent.length,
                  listed.begin() + static_cast<std::ptrdiff_t>(extent.offset));
    }
    EXPECT_TRUE(listed == all) << "there is data outside data()";
    return all;
  }

  static void expect_restores(const SnapshotStore& store, const std::string& id,
                              const std::vector<std::byte>& expected) {
    const auto snapshot = store.load(id);
    ASSERT_TRUE(snapshot) << snapshot.error().describe();
    const auto memory = read_all(*snapshot->memory);
    ASSERT_TRUE(memory) << memory.error().describe();
    EXPECT_TRUE(*memory == expected) << id << " restores other bytes than it was taken of";
    EXPECT_EQ(contents(snapshot->vmstate_path), vmstate_of(id));
  }
  static void expect_whole(const SnapshotStore& store, const std::string& id) {
    const auto report = store.verify(id);
    ASSERT_TRUE(report) << report.error().describe();
    EXPECT_TRUE(report->whole()) << report->defects.front().describe();
  }
  static void expect_damaged(const SnapshotStore& store, const std::string& id, const std::string& because) {
    const auto report = store.verify(id);
    ASSERT_TRUE(report) << report.error().describe();
    EXPECT_FALSE(report->whole()) << because;
  }

  /// Everything in the store's directory, sorted.
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  GenerationFiles files(const std::string& id) const { return {directory_ / id}; }

  const std::filesystem::path directory_;
};

}  // namespace snaphammer::snapshot
