#include <chrono>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "guest-workloads/workloads/base/keyed_words.h"
#include "guest-workloads/workloads/base/testing/program.h"

namespace snaphammer::cpp_heap {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using workload::kPageBytes;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// ---- the program, damaged from outside

class Program : public workload::ProgramTest {
 protected:
  void start(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--resident", "4MiB", "--breath", "100ms", "--cpu", "100"});
    ProgramTest::start(CPP_HEAP_PROGRAM, std::move(arguments));
    ready = next("ready");
    worker = ready["pid"];
  }
  void overwrite(std::uint64_t address, const std::string& bytes) { ProgramTest::overwrite(worker, address, bytes); }
  /// The pages that the allocator has given to the kernel, while quiesced.
  std::vector<std::uint64_t> free_pages() {
    std::vector<std::uint64_t> free;
    for (std::uint64_t i = 0; i < at("pages_count"); ++i) {
      const auto bits = static_cast<std::uint8_t>(peek(worker, at("bitmap") + i / 8, 1)[0]);
      if ((bits >> i % 8 & 1) == 0) free.push_back(at("pages") + i * kPageBytes);
    }
    EXPECT_FALSE(free.empty());
    return free;
  }
  pid_t worker = -1;
};

TEST_F(Program, ACleanRunPassesAndReallyLooked) {
  start();
  EXPECT_FALSE(next("beat", [](const auto& line) { return line["breaths"] >= 2; }).is_null());
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_THAT(findings, IsEmpty());
  EXPECT_GT(verdict["allocated"], 1000);
  EXPECT_GT(verdict["zeroed"], 500);
  EXPECT_GT(verdict["rewritten"], 100);
  EXPECT_GT(verdict["verified"], 1000);
  EXPECT_GT(verdict["released"], 500);
  EXPECT_GT(verdict["exchanged"], 100);
  EXPECT_GT(verdict["blocks_checked"], 100);
  EXPECT_GT(verdict["spans_checked"], 20);
  EXPECT_GT(verdict["free_slots_checked"], 0);
  EXPECT_GT(verdict["summaries_checked"], at("summaries_count"));
  send("stop");
  EXPECT_EQ(wait_exit(), 0);
}

TEST_F(Program, BytesThatChangeAreHeapCorruption) {
  start();
  quiesce();
  for (const char* anchor : {"own_anchor", "glibc_anchor"}) overwrite(at(anchor) + 1234, "XYZ");
  EXPECT_EQ(check()["pass"], false);
  ASSERT_THAT(findings, SizeIs(2));
  for (const auto& finding : findings) {
    EXPECT_EQ(finding["id"], "heap-corruption");
    const auto evidence = finding["evidence"];
    EXPECT_EQ(evidence["offset"], 1234);
    EXPECT_TRUE(evidence["read"].get<std::string>().starts_with("58595a"));
    EXPECT_FALSE(evidence["expected"].get<std::string>().starts_with("58595a"));
    EXPECT_EQ(evidence["block"]["seed"], 1);
    EXPECT_EQ(evidence["holds"], "other bytes");
    // By this the host finds the page's history.
    EXPECT_EQ(evidence.contains("physical"), may_read_pagemap());
  }
  EXPECT_EQ(findings[0]["evidence"]["heap"], "own");
  EXPECT_EQ(findings[1]["evidence"]["heap"], "glibc");
  EXPECT_EQ(check()["corruptions"], 2) << "each is told once";
}

TEST_F(Program, APageThatBecomesZeroIsALostWrite) {
  start();
  quiesce();
  const std::uint64_t page = (at("own_anchor") + kPageBytes) / kPageBytes * kPageBytes;
  overwrite(page, std::string(kPageBytes, '\0'));
  EXPECT_EQ(check()["lost_writes"], 1);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0]["id"], "lost-write");
  EXPECT_EQ(findings[0]["evidence"]["holds"], "zeros");
}

// All of them, as half of the blocks do not ask for zeros and cover what they find.
TEST_F(Program, AStalePageThatWasGivenBackIsHeapCorruptionWhenItIsTakenAgain) {
  start();
  quiesce();
  for (const std::uint64_t page : free_pages()) overwrite(page + 200, std::string(3000, 'S'));
  send("resume");
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "heap-corruption");
  EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("handed out as zeroed"));
  EXPECT_THAT(finding["evidence"]["read"].get<std::string>(), HasSubstr("5353"));
  EXPECT_EQ(check()["pass"], false);
}

TEST_F(Program, ASummaryThatChangesIsHeapCorruption) {
  start();
  quiesce();
  overwrite(at("summaries") + 8, std::string("\x01") + std::string(7, '\0'));  // What none can be.
  EXPECT_EQ(check()["pass"], false);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0]["id"], "heap-corruption");
  EXPECT_EQ(findings[0]["evidence"]["structure"], "summary");
  EXPECT_EQ(findings[0]["evidence"]["read"], "start 1, most 0, end 0");
}

TEST_F(Program, WhenGlibcAbortsItIsHeapCorruptionAndChecksGoOn) {
  if (kSanitized) GTEST_SKIP() << "sanitizers bring a heap of their own";
  start();
  quiesce();
  overwrite(at("glibc_anchor") - 8, std::string("\xf1") + std::string(7, '\xff'));  // The size of its chunk.
  EXPECT_EQ(check()["pass"], false);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0]["id"], "heap-corruption");
  EXPECT_EQ(findings[0]["evidence"]["signal"], SIGABRT);
  EXPECT_THAT(findings[0]["evidence"]["last_words"].get<std::string>(), HasSubstr("free()"));
  EXPECT_EQ(check()["pass"], false);
  send("stop");
  EXPECT_EQ(wait_exit(), 1);
}

TEST_F(Program, QuiescedItDoesNothingUntilResumed) {
  start();
  quiesce();
  const auto before = cpu_time(worker);
  EXPECT_TRUE(is_silent_for(300));
  EXPECT_LT(cpu_time(worker) - before, 30ms) << "it went on working";
  const auto first = check();
  EXPECT_EQ(first["allocated"], check()["allocated"]) << "it went on working";
  send("resume");
  next("resumed");
  EXPECT_FALSE(next("beat", [&](const auto& line) { return line["allocated"] != first["allocated"]; }).is_null());
}

TEST_F(Program, TakesNoMoreCpuThanItsShare) {
  ProgramTest::start(CPP_HEAP_PROGRAM, {"--resident", "4MiB", "--cpu", "20"});
  worker = next("ready")["pid"];
  const auto before = cpu_time(worker);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) next("beat");
  EXPECT_LT(cpu_time(worker) - before, (std::chrono::steady_clock::now() - start) / 2);
}

TEST_F(Program, TheEndOfItsInputEndsIt) {
  start();
  end_commands();
  EXPECT_EQ(wait_exit(), 0);
}

}  // namespace
}  // namespace snaphammer::cpp_heap
