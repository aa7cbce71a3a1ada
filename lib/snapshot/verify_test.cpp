// verify() finds everything that is not as it was written.
#include "lib/snapshot/verify.h"

#include <random>

#include <gmock/gmock.h>

#include "lib/snapshot/testing/forge.h"
#include "lib/snapshot/testing/store_fixture.h"

namespace snaphammer::snapshot {
namespace {

using testing::HasSubstr;

// s2 is a diff against s1; each stores two pages, has a device state and a working set.
class VerifyTest : public StoreTest {
 protected:
  VerifyTest() {
    GuestRam ram(8);
    ram.write(1, 1);
    ram.write(5, 5);
    take_full(store_, "s1", ram.image());
    ram.write(5, 1005);
    ram.write(7, 7);
    take_diff(store_, "s2", "s1", ram.image());
    for (const char* id : {"s1", "s2"}) {
      EXPECT_TRUE(store_.set_working_set(id, std::vector<ByteCount>{kPageSize, 0}));
      for (const auto& file : {files(id).manifest(), files(id).vmstate(), files(id).memory(), files(id).header(),
                               files(id).working_set()}) {
        all_files_.push_back(file);
      }
    }
  }

  // Does something to each file in turn, and undoes it.
  void expect_each_damage_found(const std::function<void(const std::filesystem::path&)>& damage) {
    for (const auto& file : all_files_) {
      const std::string good = contents(file);
      damage(file);
      expect_damaged(store_, "s2", file.string());
      std::filesystem::remove_all(file);
      overwrite(file, good);
    }
    expect_whole(store_, "s2");
  }

  const SnapshotStore store_ = open();
  std::vector<std::filesystem::path> all_files_;
};

TEST_F(VerifyTest, CountsEveryByteOfEveryGeneration) {
  const auto report = store_.verify("s2").value();
  ByteCount bytes = 0;
  for (const auto& file : all_files_) bytes += std::filesystem::file_size(file);
  EXPECT_EQ(report.bytes, bytes);
  EXPECT_EQ(report.generations, 2u);
  EXPECT_TRUE(report.as_result());
}

TEST_F(VerifyTest, FindsAFlippedBitInAnyByteOfAnyFile) {
  std::size_t flipped = 0;
  for (const auto& file : all_files_) {
    const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    const std::string good = contents(file);
    for (std::size_t at = 0; at < good.size(); ++at, ++flipped) {
      const char bad = static_cast<char>(good[at] ^ (1 << at % 8));
      ASSERT_EQ(::pwrite(fd.get(), &bad, 1, static_cast<off_t>(at)), 1);
      const auto report = store_.verify("s2");
      ASSERT_TRUE(report) << report.error().describe();
      ASSERT_FALSE(report->whole()) << file << " byte " << at;
      ASSERT_EQ(::pwrite(fd.get(), &good[at], 1, static_cast<off_t>(at)), 1);
    }
  }
  EXPECT_GT(flipped, 4 * kPageSize);
  expect_whole(store_, "s2");
}

TEST_F(VerifyTest, FindsAFileThatIsCutOffAnywhere) {
  for (const auto& file : all_files_) {
    const std::string good = contents(file);
    const std::size_t step = good.size() > kPageSize ? 511 : 1;
    for (std::size_t length = 0; length < good.size(); length += step) {
      overwrite(file, good.substr(0, length));
      expect_damaged(store_, "s2", file.string() + " cut off at " + std::to_string(length));
    }
    overwrite(file, good);
  }
}

TEST_F(VerifyTest, FindsATornWrite) {
  expect_each_damage_found([](const auto& file) {
    std::string torn = contents(file);
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(torn.size() / 2), torn.end(), '\0');
    overwrite(file, torn);
  });
}

TEST_F(VerifyTest, FindsExtraBytes) {
  for (const char* extra : {"\n", " ", "0"}) {
    expect_each_damage_found([&](const auto& file) { overwrite(file, contents(file) + extra); });
  }
}

TEST_F(VerifyTest, FindsAFileThatIsSomethingElse) {
  expect_each_damage_found([](const auto& file) {
    std::filesystem::remove(file);
    std::filesystem::create_directory(file);
  });
  expect_each_damage_found([this](const auto& file) {
    std::filesystem::rename(file, directory_ / ".tmp-moved");
    std::filesystem::create_symlink(directory_ / ".tmp-moved", file);
  });
  expect_each_damage_found([](const auto& file) {
    std::filesystem::remove(file);
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  });
}

TEST_F(VerifyTest, FindsAMissingFile) {
  for (const auto& file : all_files_) {
    if (file.filename() == "working_set") continue;  // May be missing: a snapshot has none before its first restore.
    const std::string good = contents(file);
    std::filesystem::remove(file);
    expect_damaged(store_, "s2", file.string() + " missing");
    overwrite(file, good);
  }
}

TEST_F(VerifyTest, FindsAFileTooMany) {
  overwrite(files("s1").directory / "memory.old", "");
  expect_damaged(store_, "s2", "extra file");
  std::filesystem::remove(files("s1").directory / "memory.old");
  overwrite(directory_ / "notes.txt", "");
  expect_whole(store_, "s2");
  EXPECT_THAT(store_.verify_all().value().defects.front().describe(), HasSubstr("notes.txt"));
}

TEST_F(VerifyTest, FindsGenerationsThatWereSwapped) {
  const auto swap_files = [](const std::filesystem::path& a, const std::filesystem::path& b) {
    const std::string kept = contents(a);
    overwrite(a, contents(b));
    overwrite(b, kept);
  };
  for (std::size_t i = 0; i < 5; ++i) {
    if (contents(all_files_[i]) == contents(all_files_[i + 5])) continue;  // Equal working sets.
    swap_files(all_files_[i], all_files_[i + 5]);
    expect_damaged(store_, "s2", all_files_[i].filename().string() + " swapped");
    swap_files(all_files_[i], all_files_[i + 5]);
  }
  std::filesystem::rename(files("s1").directory, directory_ / "x");
  std::filesystem::rename(files("s2").directory, files("s1").directory);
  std::filesystem::rename(directory_ / "x", files("s2").directory);
  expect_damaged(store_, "s1", "directories swapped");
  expect_damaged(store_, "s2", "directories swapped");
}

// Headers that carry right checksums and are wrong all the same: the defect of a merge that lost count.
TEST_F(VerifyTest, FindsAMappingThatNamesAnotherPage) {
  // s2: zeros, page 1 from s1, zeros, page 5 own, zeros, page 7 own.
  forge_header(files("s2"), [](MemoryHeader& header) {
    ASSERT_EQ(header.map.runs[1].source, 2u);
    header.map.runs[1].storage = kPageSize;  // Where s1 keeps page 5.
  });
  EXPECT_TRUE(store_.load("s2")) << "it is well-formed";
  expect_damaged(store_, "s2", "page 1 mapped to the bytes of page 5");
}

TEST_F(VerifyTest, FindsAMappingWithAGapOrAnOverlap) {
  const std::string header = contents(files("s2").header()), manifest = contents(files("s2").manifest());
  for (const std::ptrdiff_t shift : {-1, 1}) {
    forge_header(files("s2"), [&](MemoryHeader& forged) {
      forged.map.runs[2].offset += static_cast<ByteCount>(shift) * kPageSize;
      forged.map.runs[2].length -= static_cast<ByteCount>(shift) * kPageSize;
    });
    EXPECT_EQ(store_.load("s2").error().kind(), ErrorKind::kCorrupt);
    EXPECT_THAT(store_.verify("s2").value().defects.front().what, HasSubstr(shift > 0 ? "gap" : "overlaps"));
    overwrite(files("s2").header(), header);
    overwrite(files("s2").manifest(), manifest);
  }
}

TEST_F(VerifyTest, FindsAMappingBeyondTheEndOfAnOlderFile) {
  forge_header(files("s2"), [](MemoryHeader& header) { header.map.runs[1].storage = 2 * kPageSize; });
  EXPECT_EQ(store_.load("s2").error().kind(), ErrorKind::kCorrupt);
  expect_damaged(store_, "s2", "mapping beyond the end");
}

TEST_F(VerifyTest, SaysWhereTheDamageIs) {
  std::string memory = contents(files("s1").memory());
  memory[kPageSize + 9] ^= 1;
  overwrite(files("s1").memory(), memory);
  const auto report = store_.verify("s2").value();
  ASSERT_EQ(report.defect_count, 1u);
  EXPECT_EQ(report.defects.front().file, files("s1").memory());
  EXPECT_EQ(report.defects.front().offset, kPageSize);
  EXPECT_EQ(report.as_result().error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(report.as_result().error().message(), HasSubstr("memory at 0x1000"));
}

TEST_F(StoreTest, VerifyFindsSampledFlipsAllOverALargerSnapshot) {
  const SnapshotStore store = open();
  GuestRam ram(512);
  for (std::size_t page = 0; page < 512; page += 1 + page % 3) ram.write(page, page);
  take_full(store, "s1", ram.image());
  std::mt19937_64 random(7);
  for (const auto& file : {files("s1").memory(), files("s1").header()}) {
    const std::string good = contents(file);
    const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    for (int i = 0; i < 200; ++i) {
      const std::size_t at = random() % good.size();
      const char bad = static_cast<char>(good[at] ^ (1 << random() % 8));
      ASSERT_EQ(::pwrite(fd.get(), &bad, 1, static_cast<off_t>(at)), 1);
      expect_damaged(store, "s1", file.string() + " byte " + std::to_string(at));
      ASSERT_EQ(::pwrite(fd.get(), &good[at], 1, static_cast<off_t>(at)), 1);
    }
  }
  expect_whole(store, "s1");
}

}  // namespace
}  // namespace snaphammer::snapshot
