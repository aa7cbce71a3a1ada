#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "guest-workloads/workloads/base/memory_map.h"
#include "guest-workloads/workloads/base/testing/program.h"
#include "guest-workloads/workloads/zero-pages/options.h"
#include "guest-workloads/workloads/zero-pages/pattern.h"
#include "guest-workloads/workloads/zero-pages/report.h"
#include "guest-workloads/workloads/zero-pages/sweep.h"

namespace snaphammer::zero_pages {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class CollectingSink : public FindingSink {
 public:
  void take(const PageFinding& finding) override { findings.push_back(finding); }
  std::vector<PageFinding> findings;
};

// Memory as the kernel would hand it out, in which a test plants what a broken page server leaves there.
class SweepTest : public testing::Test {
 protected:
  static constexpr std::size_t kPages = 16;
  static constexpr std::uint64_t kSeed = 7;

  Page page(std::size_t index) { return Page(memory.get() + index * kPageWords, kPageWords); }
  std::uint8_t& byte(std::size_t index, std::size_t offset) {
    return reinterpret_cast<std::uint8_t*>(page(index).data())[offset];
  }
  void take_fresh(std::uint32_t round) { sweep.fresh(round, 0, kPages); }
  void verify(std::uint32_t round) { sweep.verify(round, 0, kPages); }
  void zero_all() { std::memset(memory.get(), 0, kPages * kPageBytes); }

  std::unique_ptr<std::uint64_t[], decltype(&std::free)> memory{
      static_cast<std::uint64_t*>(std::aligned_alloc(kPageBytes, kPages* kPageBytes)), &std::free};
  CollectingSink sink;
  Sweep sweep{{memory.get(), kPages* kPageWords}, kSeed, sink};
};

TEST_F(SweepTest, ZeroedMemoryThatKeepsItsBytesHasNoFindings) {
  for (std::uint32_t round = 1; round <= 3; ++round) {
    zero_all();
    take_fresh(round);
    verify(round);
  }
  EXPECT_THAT(sink.findings, IsEmpty());
}

TEST_F(SweepTest, EveryPlaceOfOneStaleByteIsFound) {
  for (std::size_t offset = sizeof(std::uint64_t); offset < kPageBytes; ++offset) {
    zero_all();
    sink.findings.clear();
    byte(3, offset) = 0x5a;
    take_fresh(1);
    ASSERT_EQ(sink.findings.size(), 1U) << offset;
    EXPECT_EQ(sink.findings[0].defect, Defect::kStalePage);
    EXPECT_EQ(sink.findings[0].page, 3U);
    EXPECT_EQ(sink.findings[0].offset, offset);
    EXPECT_EQ(sink.findings[0].read[0], 0x5a);
    EXPECT_EQ(sink.findings[0].expected[0], 0);
    EXPECT_EQ(sink.findings[0].address, reinterpret_cast<std::uintptr_t>(page(3).data()));
    EXPECT_FALSE(sink.findings[0].written_by);
  }
}

TEST_F(SweepTest, AStalePageIsAttributedToTheWriteItHolds) {
  zero_all();
  fill(page(5), {kSeed, 11, 4});
  take_fresh(6);
  ASSERT_EQ(sink.findings.size(), 1U);
  ASSERT_TRUE(sink.findings[0].written_by);
  EXPECT_EQ(sink.findings[0].written_by->page, 11U);
  EXPECT_EQ(sink.findings[0].written_by->round, 4U);
  EXPECT_EQ(sink.findings[0].round, 6U);
}

TEST_F(SweepTest, AnotherSeedsBytesAreStaleButNotOurs) {
  zero_all();
  fill(page(5), {kSeed + 1, 11, 4});
  take_fresh(6);
  ASSERT_EQ(sink.findings.size(), 1U);
  EXPECT_FALSE(sink.findings[0].written_by);
}

TEST_F(SweepTest, EveryPlaceOfOneFlippedBitIsALostWrite) {
  for (std::size_t offset = 0; offset < kPageBytes; ++offset) {
    zero_all();
    take_fresh(1);
    sink.findings.clear();
    const std::uint8_t written = byte(9, offset);
    byte(9, offset) ^= 0x10;
    verify(1);
    ASSERT_EQ(sink.findings.size(), 1U) << offset;
    EXPECT_EQ(sink.findings[0].defect, Defect::kLostWrite);
    EXPECT_EQ(sink.findings[0].page, 9U);
    EXPECT_EQ(sink.findings[0].offset, offset);
    EXPECT_EQ(sink.findings[0].expected[0], written);
    EXPECT_EQ(sink.findings[0].read[0], written ^ 0x10);
  }
}

TEST_F(SweepTest, APageThatWentBackToAnEarlierRoundIsALostWriteAndAttributed) {
  zero_all();
  take_fresh(2);
  fill(page(1), {kSeed, 1, 1});
  verify(2);
  ASSERT_EQ(sink.findings.size(), 1U);
  EXPECT_EQ(sink.findings[0].written_by->round, 1U);
}

TEST_F(SweepTest, OneLostWriteIsOneFindingHoweverOftenItIsVerified) {
  zero_all();
  take_fresh(1);
  byte(0, 100) ^= 1;
  verify(1);
  verify(1);
  EXPECT_EQ(sink.findings.size(), 1U);
}

TEST_F(SweepTest, WipedPagesHoldZerosAndTheOthersTheirBytes) {
  zero_all();
  take_fresh(1);
  sweep.wipe(1, 0, kPages);
  verify(1);
  EXPECT_TRUE(sink.findings.empty());
  std::size_t wiped = 0;
  for (std::size_t i = 0; i < kPages; ++i) wiped += memory[i * kPageWords] == 0 ? 1 : 0;
  EXPECT_GT(wiped, 0u);
  EXPECT_LT(wiped, kPages);
}

TEST_F(SweepTest, AWipedPageWhoseBytesComeBackIsALostWrite) {
  zero_all();
  take_fresh(1);
  const std::vector<std::uint64_t> before(memory.get(), memory.get() + kPages * kPageWords);
  sweep.wipe(1, 0, kPages);
  const std::size_t brought_back = Sweep::kWipedEvery - 1;  // (page + round) is a multiple.
  std::copy_n(before.begin() + brought_back * kPageWords, kPageWords, memory.get() + brought_back * kPageWords);
  verify(1);
  ASSERT_EQ(sink.findings.size(), 1u);
  const PageFinding& found = sink.findings.front();
  EXPECT_EQ(found.defect, Defect::kLostWrite);
  EXPECT_EQ(found.page, brought_back);
  EXPECT_EQ(found.expected[0], 0);
  ASSERT_TRUE(found.written_by);
  EXPECT_EQ(found.written_by->round, 1u);
  verify(1);
  EXPECT_EQ(sink.findings.size(), 1u);
}

TEST_F(SweepTest, APageThatIsSetAsideIsLeftAlone) {
  zero_all();
  take_fresh(1);
  sweep.set_aside(3);
  byte(3, 100) ^= 1;
  const std::vector<std::uint64_t> before(page(3).begin(), page(3).end());
  verify(1);
  sweep.wipe(1, 0, kPages);
  sweep.give_back(0, kPages);
  EXPECT_EQ(page(2)[0], 0u) << "its neighbours are given back";
  EXPECT_EQ(page(4)[0], 0u);
  take_fresh(2);
  verify(2);
  EXPECT_THAT(sink.findings, IsEmpty());
  EXPECT_TRUE(std::equal(before.begin(), before.end(), page(3).begin()));
}

TEST_F(SweepTest, ADiscardedPageThatIsZerosIsTakenBackAndTakenFreshLater) {
  zero_all();
  take_fresh(1);
  sweep.set_aside(3);
  std::fill(page(3).begin(), page(3).end(), 0);
  sweep.take_back(3, Content::kZeros);
  sweep.give_back(0, kPages);
  take_fresh(2);
  verify(2);
  EXPECT_THAT(sink.findings, IsEmpty());
  EXPECT_NE(page(3)[1], 0u);
}

TEST_F(SweepTest, ADiscardedPageWithOneByteOfItsOldOnesIsStale) {
  zero_all();
  take_fresh(1);
  sweep.set_aside(3);
  std::fill(page(3).begin(), page(3).end(), 0);
  byte(3, 4000) = 0x5a;
  sweep.take_back(3, Content::kZeros);
  ASSERT_EQ(sink.findings.size(), 1U);
  EXPECT_EQ(sink.findings[0].defect, Defect::kResurrected);
  EXPECT_EQ(sink.findings[0].offset, 4000U);
  EXPECT_EQ(sink.findings[0].expected[0], 0);
}

TEST_F(SweepTest, AResurrectedPageIsAttributedToTheWriteItHolds) {
  zero_all();
  take_fresh(4);
  sweep.set_aside(3);
  sweep.take_back(3, Content::kZeros);
  ASSERT_EQ(sink.findings.size(), 1U);
  ASSERT_TRUE(sink.findings[0].written_by);
  EXPECT_EQ(sink.findings[0].written_by->round, 4U);
}

TEST_F(SweepTest, APageThatIsTakenBackAsWrittenHoldsWhatItHeldRoundsBefore) {
  zero_all();
  take_fresh(1);
  sweep.set_aside(3);
  sweep.set_aside(5);
  sweep.give_back(0, kPages);
  take_fresh(2);
  byte(5, 77) ^= 4;
  sweep.take_back(3, Content::kWritten);
  sweep.take_back(5, Content::kWritten);
  ASSERT_EQ(sink.findings.size(), 1U);
  EXPECT_EQ(sink.findings[0].defect, Defect::kLostWrite);
  EXPECT_EQ(sink.findings[0].page, 5U);
  EXPECT_EQ(sink.findings[0].offset, 77U);
}

TEST_F(SweepTest, EvidenceAtTheEndOfAPageStaysInsideIt) {
  zero_all();
  byte(kPages - 1, kPageBytes - 1) = 1;
  take_fresh(1);
  ASSERT_EQ(sink.findings.size(), 1U);
  EXPECT_EQ(sink.findings[0].shown, 1U);
}

TEST(Pattern, DiffersByPageRoundAndSeed) {
  std::uint64_t a[kPageWords], b[kPageWords];
  fill(Page(a), {1, 1, 1});
  for (const Key key : {Key{2, 1, 1}, Key{1, 2, 1}, Key{1, 1, 2}}) {
    fill(Page(b), key);
    int equal = 0;
    for (std::size_t i = 0; i < kPageWords; ++i) equal += a[i] == b[i];
    EXPECT_LE(equal, 1) << "at most the word that names the seed";
  }
}

TEST(Report, LinesAreJsonWithTheEvidence) {
  PageFinding finding;
  finding.page = 17;
  finding.round = 3;
  finding.address = 0x7f0000011000;
  finding.physical = 0x1234000;
  finding.offset = 8;
  finding.shown = 2;
  finding.read[0] = 0xab;
  finding.written_by = Key{1, 16, 2};
  const auto json = nlohmann::json::parse(finding_line(finding));
  EXPECT_EQ(json["type"], "finding");
  EXPECT_EQ(json["id"], "stale-page");
  EXPECT_EQ(json["evidence"]["address"], "0x7f0000011000");
  EXPECT_EQ(json["evidence"]["physical"], "0x1234000");
  EXPECT_EQ(json["evidence"]["read"], "ab00");
  EXPECT_EQ(json["evidence"]["expected"], "0000");
  EXPECT_EQ(json["evidence"]["written_by"]["round"], 2);
  EXPECT_TRUE(finding_line(finding).starts_with("{\"type\":\"finding\","));
}

TEST(ZeroPagesOptions, ReadsQuantities) {
  Options options;
  EXPECT_EQ(arguments_for(options).parse({"--resident", "150MiB", "--hold", "2s", "--settle", "500", "--seed", "9"}),
            "");
  EXPECT_EQ(options.resident, 150U << 20);
  EXPECT_EQ(options.hold, std::chrono::milliseconds(2000));
  EXPECT_EQ(options.settle, std::chrono::milliseconds(500));
  EXPECT_EQ(options.seed, 9U);
}

TEST(ZeroPagesOptions, SaysWhichIsWrong) {
  Options options;
  EXPECT_THAT(arguments_for(options).parse({"--resident", "10"}), HasSubstr("--resident 10"));
  EXPECT_THAT(arguments_for(options).parse({"--resident", "0KiB"}), HasSubstr("--resident"));
  EXPECT_THAT(arguments_for(options).parse({"--hold"}), HasSubstr("value is missing"));
  EXPECT_THAT(arguments_for(options).parse({"--colour", "red"}), HasSubstr("--colour: no such option"));
  EXPECT_THAT(arguments_for(options).parse({"--resident", "99999999999999GiB"}), HasSubstr("--resident"));
}

class Program : public workload::ProgramTest {
 protected:
  void start(std::vector<std::string> arguments) { ProgramTest::start(ZERO_PAGES_PROGRAM, std::move(arguments)); }
  void overwrite(std::uint64_t address, const std::string& bytes) { ProgramTest::overwrite(pid, address, bytes); }
};

TEST_F(Program, ACleanRunPassesAndReallyLooked) {
  start({"--resident", "8MiB", "--hold", "50ms", "--settle", "10ms", "--rounds", "3"});
  EXPECT_EQ(next("ready")["pages"], 2048);
  nlohmann::json last;
  for (nlohmann::json line = next_line(); !line.is_null(); line = next_line()) last = line;
  EXPECT_EQ(last["fresh_pages"], 3 * 2048);
  EXPECT_EQ(last["verified_pages"], 3 * 2048);
  EXPECT_EQ(last["stale_pages"], 0);
  EXPECT_EQ(wait_exit(), 0);
}

TEST_F(Program, AWrongOptionIsAUsageError) {
  start({"--resident", "4MiB", "--hold", "1d"});
  EXPECT_EQ(wait_exit(), 2);
}

TEST_F(Program, ACheckInALongHoldTakesMemoryFreshFirst) {
  start({"--resident", "4MiB", "--hold", "60m", "--settle", "10ms"});
  next("ready");
  send("check");
  const auto verdict = next("verdict");
  EXPECT_EQ(verdict["pass"], true);
  EXPECT_EQ(verdict["rounds"], 2) << "the pages of the first round come from a kernel that has just booted";
  EXPECT_EQ(verdict["fresh_pages"], 2 * 1024);
  EXPECT_GE(verdict["verified_pages"], 2 * 1024);
  send("check");
  EXPECT_EQ(next("verdict")["rounds"], 3) << "nothing was taken fresh since the last check";
  send("stop");
  EXPECT_EQ(wait_exit(), 0);
}

TEST_F(Program, AWriteThatIsLostIsFound) {
  start({"--resident", "4MiB", "--hold", "60m", "--settle", "10ms", "--seed", "3"});
  const std::uint64_t memory = next("ready")["address"];
  overwrite(memory + 5 * kPageBytes + 100, "XYZ");
  send("check");
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "lost-write");
  EXPECT_EQ(finding["evidence"]["page"], 5);
  EXPECT_EQ(finding["evidence"]["offset"], 100);
  EXPECT_TRUE(finding["evidence"]["read"].get<std::string>().starts_with("58595a"));
  const auto verdict = next("verdict");
  EXPECT_EQ(verdict["pass"], false);
  EXPECT_EQ(verdict["lost_writes"], 1);
}

TEST_F(Program, ManyFindingsDoNotBlockItForEver) {
  constexpr std::size_t kSize = 64 << 20;
  start({"--resident", "64MiB", "--hold", "60m", "--settle", "10ms"});
  const std::uint64_t memory = next("ready")["address"];
  for (std::size_t page = 0; page < kSize / kPageBytes; ++page) overwrite(memory + page * kPageBytes, "x");
  send("check");
  send("quiesce");
  std::size_t found = 0;
  nlohmann::json line = next_line();
  for (; !line.is_null() && line["type"] != "verdict"; line = next_line()) found += line["type"] == "finding";
  EXPECT_GE(found, kSize / kPageBytes - 100) << "one byte in 256 happens to be right";
  EXPECT_EQ(line["lost_writes"], found);
}

TEST_F(Program, QuiescedItDoesNothingUntilResumed) {
  start({"--resident", "4MiB", "--hold", "1ms", "--settle", "1ms"});
  next("ready");
  send("quiesce");
  next("quiesced");
  EXPECT_TRUE(is_silent_for(300)) << "it went on working";
  send("resume");
  EXPECT_EQ(next_line()["type"], "resumed");
  EXPECT_EQ(next_line()["type"], "beat");
}

// With what the host does to pages that are set aside, by their physical addresses.
class PagesSetAside : public Program {
 protected:
  /// Sets pages aside and finds them in the program, which started at `memory`.
  std::vector<std::uint64_t> set_aside(std::uint64_t memory, std::size_t pages, std::size_t count) {
    send("set-aside " + std::to_string(count));
    const auto line = next_answer("set-aside");
    std::vector<std::uint64_t> addresses;
    if (line.is_null()) return addresses;
    const std::vector<std::uint64_t> frames = frames_of(memory, pages);
    for (const std::uint64_t physical : line["pages"]) {
      const auto found = std::find(frames.begin(), frames.end(), physical / kPageBytes);
      EXPECT_NE(found, frames.end());
      addresses.push_back(memory + static_cast<std::uint64_t>(found - frames.begin()) * kPageBytes);
    }
    return addresses;
  }
  void discard(std::uint64_t address) { overwrite(address, std::string(kPageBytes, '\0')); }
  /// The next line of this type, or a refusal.
  nlohmann::json next_answer(const std::string& type) {
    nlohmann::json line = next_line();
    while (!line.is_null() && line["type"] != type && line["type"] != "refused") line = next_line();
    return line["type"] == type ? line : nlohmann::json();
  }

 private:
  std::vector<std::uint64_t> frames_of(std::uint64_t memory, std::size_t pages) {
    std::vector<std::uint64_t> entries(pages);
    std::ifstream pagemap("/proc/" + std::to_string(pid) + "/pagemap", std::ios::binary);
    pagemap.seekg(static_cast<std::streamoff>(memory / kPageBytes * sizeof(std::uint64_t)));
    pagemap.read(reinterpret_cast<char*>(entries.data()), static_cast<std::streamsize>(pages * sizeof(std::uint64_t)));
    for (std::uint64_t& entry : entries) entry &= (std::uint64_t{1} << 55) - 1;
    return entries;
  }
};

TEST_F(PagesSetAside, AreFoundStaleWhenTheyAreNotZerosAndOnlyThose) {
  if (!may_read_pagemap()) GTEST_SKIP() << "/proc/self/pagemap tells nothing here";
  start({"--resident", "4MiB", "--hold", "60m", "--settle", "10ms"});
  const std::uint64_t memory = next("ready")["address"];
  const auto pages = set_aside(memory, 1024, 4);
  ASSERT_EQ(pages.size(), 4U);
  for (const std::size_t i : {0, 1, 3}) discard(pages[i]);
  send("take-back zeros");
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "stale-page");
  EXPECT_EQ(finding["evidence"]["written_by"]["round"], 1);
  EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("which the host had discarded, is not zero"));
  EXPECT_EQ(next("taken-back")["pages"], 4);
  send("check");
  const auto verdict = next("verdict");
  EXPECT_EQ(verdict["stale_pages"], 1);
  EXPECT_EQ(verdict["taken_back_pages"], 4);
}

TEST_F(PagesSetAside, AreFoundWhenAByteOfThemChangedAndStayThroughRounds) {
  if (!may_read_pagemap()) GTEST_SKIP() << "/proc/self/pagemap tells nothing here";
  start({"--resident", "4MiB", "--hold", "1ms", "--settle", "1ms"});
  const std::uint64_t memory = next("ready")["address"];
  const auto pages = set_aside(memory, 1024, 20);
  ASSERT_EQ(pages.size(), 20U);
  overwrite(pages[19] + 50, "XYZ");
  for (int round = 0; round < 3; ++round) next("beat", [](const auto& beat) { return beat["phase"] == "given-back"; });
  send("take-back written");
  EXPECT_EQ(next("finding")["id"], "lost-write");
  EXPECT_EQ(next("taken-back")["pages"], 20);
  send("check");
  const auto verdict = next("verdict");
  EXPECT_EQ(verdict["lost_writes"], 1);
  EXPECT_EQ(verdict["stale_pages"], 0);
}

TEST_F(PagesSetAside, AreThereWhenTheNextRoundIsFilled) {
  if (!may_read_pagemap()) GTEST_SKIP() << "/proc/self/pagemap tells nothing here";
  start({"--resident", "4MiB", "--hold", "1ms", "--settle", "2s"});
  next("beat", [](const auto& beat) { return beat["phase"] == "given-back"; });
  send("set-aside 3");
  EXPECT_EQ(next("set-aside")["pages"].size(), 3U);
}

TEST_F(PagesSetAside, AreRefusedWhenThereAreTooMany) {
  start({"--resident", "4MiB", "--hold", "60m"});
  next("ready");
  for (const char* command : {"set-aside 513", "set-aside 0", "set-aside x", "set-aside 5000"}) {
    send(command);
    EXPECT_EQ(next("refused")["command"], command);
  }
}

TEST_F(Program, TheEndOfItsInputEndsIt) {
  start({"--resident", "4MiB"});
  next("ready");
  end_commands();
  EXPECT_EQ(wait_exit(), 0);
}

}  // namespace
}  // namespace snaphammer::zero_pages
