#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "guest-workloads/workloads/base/testing/program.h"
#include "guest-workloads/workloads/page-cache/file_set.h"
#include "guest-workloads/workloads/page-cache/file_work.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::page_cache {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using workload::kPageBytes;

std::string read_bytes(const std::string& path, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset)).read(bytes.data(), static_cast<std::streamsize>(count));
  return bytes;
}

void write_bytes(const std::string& path, std::uint64_t offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset)).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Files that a test changes behind the set's back.
class Files : public testing::Test {
 protected:
  static constexpr std::size_t kPages = 40;

  Files() {
    for (std::size_t file = 0; file < set.files(); ++file) EXPECT_EQ(set.create(file), "");
  }
  void verify_all() {
    for (std::size_t file = 0; file < set.files(); ++file) EXPECT_EQ(set.verify(file), "");
  }
  std::size_t a_hole(std::size_t file) {
    for (int i = 0; i < 10'000; ++i) {
      EXPECT_EQ(set.step(choice), "");
      for (std::size_t page = 0; page < kPages; ++page) {
        if (set.generation(file, page) == 0) return page;
      }
    }
    ADD_FAILURE() << "no hole";
    return 0;
  }

  const FileSet::Shape shape{.files = 5, .pages_per_file = kPages, .seed = 7};
  std::vector<PageFinding> findings;
  workload::Choice choice{1};
  TemporaryDirectory directory;
  FileSet set{directory.path(), shape, [this](const PageFinding& finding) { findings.push_back(finding); }};
};

TEST_F(Files, KeepWhatWasWrittenThroughAllActs) {
  for (int i = 0; i < 5'000; ++i) ASSERT_EQ(set.step(choice), "");
  verify_all();
  EXPECT_THAT(findings, IsEmpty());
  const Acts& acts = set.acts();
  for (const std::uint64_t count :
       {acts.written, acts.mapped, acts.punched, acts.truncated, acts.replaced, acts.holes}) {
    EXPECT_GT(count, 100U);
  }
  EXPECT_GT(acts.verified, 5 * kPages);
}

TEST_F(Files, EveryWriteIsAGenerationOfItsOwn) {
  std::vector<std::uint32_t> latest(set.files(), 0);
  for (int i = 0; i < 500; ++i) {
    const Acts before = set.acts();
    ASSERT_EQ(set.step(choice), "");
    const bool wrote = set.acts().written + set.acts().mapped > before.written + before.mapped;
    bool found = false;
    for (std::size_t file = 0; file < set.files(); ++file) {
      for (std::size_t page = 0; page < kPages; ++page) {
        if (set.generation(file, page) <= latest[file]) continue;
        latest[file] = set.generation(file, page);
        found = true;
      }
    }
    ASSERT_TRUE(found || !wrote) << "step " << i;
  }
}

TEST_F(Files, EveryByteOfAPageIsLookedAt) {
  for (std::size_t offset = 0; offset < kPageBytes; offset += 7) {
    const std::uint64_t at = 9 * kPageBytes + offset;
    const std::string right = read_bytes(set.path(2), at, 1);
    write_bytes(set.path(2), at, std::string(1, static_cast<char>(right[0] ^ 0x10)));
    findings.clear();
    ASSERT_EQ(set.verify(2), "");
    ASSERT_THAT(findings, SizeIs(1)) << offset;
    EXPECT_EQ(findings[0].defect, Defect::kLostWrite);
    EXPECT_EQ(findings[0].file, set.path(2));
    EXPECT_EQ(findings[0].offset, at);
    EXPECT_EQ(findings[0].held, "other bytes");
    EXPECT_EQ(findings[0].expected[0], static_cast<std::uint8_t>(right[0]));
    EXPECT_EQ(findings[0].read[0], static_cast<std::uint8_t>(right[0] ^ 0x10));
    EXPECT_LE(offset + findings[0].shown, kPageBytes);
  }
}

TEST_F(Files, APageThatIsWrongIsToldOnce) {
  write_bytes(set.path(0), 100, "XYZ");
  verify_all();
  verify_all();
  EXPECT_THAT(findings, SizeIs(1));
}

TEST_F(Files, APageThatWentBackInTimeIsToldByItsGeneration) {
  const std::string before = read_bytes(set.path(1), 0, kPages * kPageBytes);
  const std::uint32_t first = set.generation(1, 3);
  while (set.generation(1, 3) == first || set.generation(1, 3) == 0) ASSERT_EQ(set.step(choice), "");
  write_bytes(set.path(1), 3 * kPageBytes, before.substr(3 * kPageBytes, kPageBytes));
  verify_all();
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].defect, Defect::kLostWrite);
  EXPECT_EQ(findings[0].held, "generation " + std::to_string(first));
}

TEST_F(Files, APageThatBecameZeroIsALostWrite) {
  write_bytes(set.path(1), 3 * kPageBytes, std::string(kPageBytes, '\0'));
  verify_all();
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].held, "zeros");
}

// As a page does whose zero block in a diff is taken for an unchanged one.
TEST_F(Files, APageWrittenAsZerosThatRegainsItsOldBytesIsALostWrite) {
  const std::string zeros(kPageBytes, '\0');
  for (int i = 0; i < 10'000 && findings.empty(); ++i) {
    const std::string before = read_bytes(set.path(0), 0, kPageBytes);
    ASSERT_EQ(set.step(choice), "");
    const bool zeroed = read_bytes(set.path(0), 0, kPageBytes) == zeros;
    if (before == zeros || !zeroed || set.generation(0, 0) == 0) continue;
    write_bytes(set.path(0), 0, before);
    ASSERT_EQ(set.verify(0), "");
  }
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].defect, Defect::kLostWrite);
  EXPECT_THAT(findings[0].held, HasSubstr("generation "));
}

TEST_F(Files, BytesInAHoleAreAStalePage) {
  const std::size_t page = a_hole(4);
  write_bytes(set.path(4), page * kPageBytes + 17, "S");
  verify_all();
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].defect, Defect::kStalePage);
  EXPECT_EQ(findings[0].offset, page * kPageBytes + 17);
  verify_all();
  EXPECT_THAT(findings, SizeIs(1)) << "it is told once";
}

TEST_F(Files, OnesOfAnotherPlaceAreNotTakenForRight) {
  write_bytes(set.path(1), 0, read_bytes(set.path(1), kPageBytes, kPageBytes));
  write_bytes(set.path(2), 0, read_bytes(set.path(3), 0, kPageBytes));
  verify_all();
  EXPECT_THAT(findings, SizeIs(2));
}

TEST_F(Files, OneThatIsCutOrGoneIsAnError) {
  fs::resize_file(set.path(0), 5 * kPageBytes);
  EXPECT_THAT(set.verify(0), HasSubstr("ends too early"));
  fs::remove(set.path(0));
  EXPECT_THAT(set.verify(0), HasSubstr("No such file"));
}

class Program : public workload::ProgramTest {
 protected:
  void start(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--resident", "4MiB", "--files", "8", "--directory", parent.path()});
    ProgramTest::start(PAGE_CACHE_PROGRAM, std::move(arguments));
    ready = next("ready");
    directory = ready["directory"];
    EXPECT_EQ(ready["pages_per_file"], 128);
  }
  TemporaryDirectory parent;
  std::string directory;
};

TEST_F(Program, ACleanRunPassesAndReallyLooked) {
  start();
  for (int i = 0; i < 2; ++i) next("beat");
  send("check");
  const auto verdict = next("verdict");
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_GE(verdict["verified"], 8 * 128);
  EXPECT_GT(verdict["written"], 8 * 128);
  EXPECT_GT(verdict["holes"], 0);
  send("stop");
  EXPECT_EQ(wait_exit(), 0);
  EXPECT_FALSE(fs::exists(directory));
}

TEST_F(Program, AWriteThatIsLostIsFound) {
  start();
  send("quiesce");
  next("quiesced");
  const std::string path = directory + "/f3";
  write_bytes(path, 12345, "XYZ");
  send("check");
  const auto finding = next("finding");
  EXPECT_EQ(finding["evidence"]["file"], path);
  EXPECT_EQ(finding["evidence"]["offset"], 12345);
  EXPECT_THAT(finding["evidence"]["read"].get<std::string>(), testing::StartsWith("58595a"));
  EXPECT_EQ(next("verdict")["pass"], false);
}

TEST_F(Program, WhatItCannotReadEndsIt) {
  start();
  send("quiesce");
  next("quiesced");
  fs::remove(directory + "/f3");
  send("check");
  EXPECT_TRUE(next("verdict").is_null());
  EXPECT_EQ(wait_exit(), 1);
}

TEST_F(Program, QuiescedItDoesNothingUntilResumed) {
  start();
  send("quiesce");
  next("quiesced");
  const auto before = cpu_time(pid);
  EXPECT_TRUE(is_silent_for(300));
  EXPECT_LT(cpu_time(pid) - before, std::chrono::milliseconds(30));
  send("resume");
  EXPECT_EQ(next_line()["type"], "resumed");
  EXPECT_EQ(next_line()["type"], "beat");
}

TEST_F(Program, TakesNoMoreCpuThanItsShare) {
  start({"--cpu", "20"});
  const auto before = cpu_time(pid);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) next("beat");
  EXPECT_LT(cpu_time(pid) - before, (std::chrono::steady_clock::now() - start) / 2);
}

TEST_F(Program, ADirectoryThatIsNotThereIsSaid) {
  ProgramTest::start(PAGE_CACHE_PROGRAM, {"--directory", parent / "absent"});
  EXPECT_EQ(wait_exit(), 1);
}

TEST_F(Program, TheEndOfItsInputEndsIt) {
  start();
  end_commands();
  EXPECT_EQ(wait_exit(), 0);
}

}  // namespace
}  // namespace snaphammer::page_cache
