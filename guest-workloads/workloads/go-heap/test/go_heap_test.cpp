#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "guest-workloads/workloads/base/keyed_words.h"
#include "guest-workloads/workloads/base/testing/program.h"

namespace snaphammer::go_heap {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using workload::kPageBytes;

constexpr int kStatusOfACrash = 2;  // Go's runtime ends a program so.
constexpr std::uint64_t kSmallSpan = 8192;

class Program : public workload::ProgramTest {
 protected:
  void start(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(),
                     {"--resident", "4MiB", "--breath", "100ms", "--collect", "50ms", "--cpu", "100"});
    ProgramTest::start(GO_HEAP_PROGRAM, std::move(arguments));
    ready = next("ready");
  }
  void overwrite(std::uint64_t address, const std::string& bytes) { ProgramTest::overwrite(pid, address, bytes); }
  std::uint64_t number_at(std::uint64_t address) {
    std::uint64_t number = 0;
    std::memcpy(&number, peek(pid, address, sizeof number).data(), sizeof number);
    return number;
  }
  void set_number_at(std::uint64_t address, std::uint64_t number) {
    overwrite(address, std::string(reinterpret_cast<const char*>(&number), sizeof number));
  }
  /// The end of what Go's heap has of its address space, which is a multiple of 4 MiB.
  std::uint64_t heap_end() {
    constexpr std::uint64_t kHeap = 0xc000000000;  // Where Go's begins on Linux.
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    std::uint64_t begin = 0, end = 0, last = 0;
    char reads = 0, writes = 0;
    std::string line;
    while (std::getline(maps, line)) {
      const bool read = std::sscanf(line.c_str(), "%lx-%lx %c%c", &begin, &end, &reads, &writes) == 4;
      if (read && writes == 'w' && begin >= kHeap && begin < 2 * kHeap) last = end;
    }
    return last;
  }
};

TEST_F(Program, ACleanRunPassesAndReallyLooked) {
  start();
  EXPECT_FALSE(next("beat", [](const auto& line) { return line["breaths"] >= 2; }).is_null());
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], true) << verdict;
  EXPECT_THAT(findings, IsEmpty());
  for (const char* work : {"allocated", "rewritten", "verified", "released", "exchanged"}) {
    EXPECT_GT(verdict[work], 500) << work;
  }
  for (const char* work : {"chains", "descents", "guarded", "finalized"}) EXPECT_GT(verdict[work], 20) << work;
  EXPECT_GE(verdict["forced_collections"], 3);
  EXPECT_GT(verdict["collections"], verdict["forced_collections"]) << "only those that are forced";
  EXPECT_GT(verdict["blocks_checked"], 100);
  send("stop");
  EXPECT_EQ(wait_exit(), 0);
}

TEST_F(Program, BytesThatChangeAreHeapCorruption) {
  start();
  quiesce();
  overwrite(at("anchor") + 1234, "XYZ");
  EXPECT_EQ(check()["pass"], false);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0]["id"], "heap-corruption");
  const auto evidence = findings[0]["evidence"];
  EXPECT_EQ(evidence["offset"], 1234);
  EXPECT_EQ(evidence["where"], "the anchor");
  EXPECT_EQ(evidence["holds"], "other bytes");
  EXPECT_TRUE(evidence["read"].get<std::string>().starts_with("58595a"));
  EXPECT_FALSE(evidence["expected"].get<std::string>().starts_with("58595a"));
  EXPECT_EQ(evidence["block"]["seed"], 1);
  EXPECT_EQ(check()["corruptions"], 1) << "it is told once";
  EXPECT_THAT(findings, IsEmpty());
}

TEST_F(Program, ACommandThatItDoesNotHaveIsRefused) {
  start();
  send("set-aside 3");
  const auto line = next("refused");
  EXPECT_EQ(line["command"], "set-aside 3");
  EXPECT_EQ(line["why"], "this workload has no such command");
  EXPECT_EQ(check()["pass"], true);
}

TEST_F(Program, APageThatBecomesZeroIsALostWrite) {
  start();
  quiesce();
  const std::uint64_t page = (at("anchor") + kPageBytes) / kPageBytes * kPageBytes;
  overwrite(page, std::string(std::min<std::uint64_t>(kPageBytes, at("anchor") + at("anchor_bytes") - page), '\0'));
  EXPECT_EQ(check()["lost_writes"], 1);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0]["id"], "lost-write");
  EXPECT_EQ(findings[0]["evidence"]["holds"], "zeros");
}

TEST_F(Program, WhatTheRuntimeFindsEndsItAsTheReadyLineSays) {
  start();
  EXPECT_EQ(ready["crash"], "heap-corruption");
  quiesce();
  // What the pointer leads to is of a size that leaves a rest at the end of its span: no object is there.
  const std::uint64_t span = number_at(at("reference")) / kSmallSpan * kSmallSpan;
  set_number_at(at("reference"), span + kSmallSpan - sizeof(std::uint64_t));
  send("collect");
  EXPECT_EQ(wait_exit(), kStatusOfACrash);
}

TEST_F(Program, GrowsAtEachCheckBeforeItAnswers) {
  start({"--growth", "8MiB"});
  quiesce();
  EXPECT_GE(check()["live_bytes"], 12 << 20);
  const auto second = check();
  EXPECT_GE(second["live_bytes"], 20 << 20);
  EXPECT_EQ(second["pass"], true) << second;
}

TEST_F(Program, MemoryThatNobodyHasWrittenToStaysZeroFromCheckToCheck) {
  start({"--blank", "1MiB"});
  quiesce();
  EXPECT_EQ(check()["pass"], true);
  const auto verdict = check();
  EXPECT_EQ(verdict["pass"], true) << verdict;
  const std::uint64_t blank = verdict["blank"];
  ASSERT_NE(blank, 0u);
  overwrite(blank + kPageBytes, "old");
  const auto finding = next("finding");
  EXPECT_EQ(finding["id"], "heap-corruption");
  EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("handed out as zeros and not written to"));
  EXPECT_EQ(finding["evidence"]["offset"], kPageBytes);
  EXPECT_EQ(wait_exit(), kStatusOfACrash);
}

TEST_F(Program, FreshMemoryThatIsNotZeroEndsIt) {
  ::setenv("GOGC", "off", 1);  // All that it takes is memory that it never had; what it had, Go's runtime clears.
  start({"--growth", "24MiB", "--collect", "1h"});
  ::unsetenv("GOGC");
  quiesce();
  constexpr std::uint64_t kStale = 512 << 10;
  overwrite(heap_end() - kStale, std::string(kStale, '\xa5'));
  EXPECT_TRUE(check().is_null()) << "it went on in a damaged heap";
  EXPECT_EQ(wait_exit(), kStatusOfACrash);
  // Unless the runtime itself met those bytes first.
  for (const auto& finding : findings) EXPECT_EQ(finding["id"], "heap-corruption");
}

TEST_F(Program, QuiescedItDoesNothingUntilResumed) {
  start();
  quiesce();
  const auto before = cpu_time(pid);
  EXPECT_TRUE(is_silent_for(300));
  EXPECT_LT(cpu_time(pid) - before, 30ms) << "it went on working";
  const auto first = check();
  EXPECT_EQ(first["allocated"], check()["allocated"]) << "it went on working";
  resume();
  EXPECT_FALSE(next("beat", [&](const auto& line) { return line["allocated"] != first["allocated"]; }).is_null());
}

TEST_F(Program, QuiescedItMayGoOnWorkingAsDaemonsDo) {
  start({"--quiesced", "working"});
  quiesce();
  EXPECT_TRUE(is_silent_for(300)) << "nothing but its goroutines goes on";
  const auto first = check();
  EXPECT_TRUE(is_silent_for(300));
  EXPECT_GT(check()["allocated"], first["allocated"]);
  resume();
  EXPECT_EQ(check()["pass"], true);
}

TEST_F(Program, QuiescedItIsSingleThreadedUnlessItKeepsItsThreads) {
  start();
  EXPECT_EQ(ready["threads"], std::thread::hardware_concurrency());
  quiesce();
  EXPECT_EQ(check()["threads"], 1);
  resume();
  EXPECT_EQ(check()["threads"], ready["threads"]);
  quiesce("quiesce keep-threads");
  EXPECT_EQ(check()["threads"], ready["threads"]);
}

TEST_F(Program, ACollectIsAFullCollection) {
  start({"--collect", "1h"});
  quiesce();
  const std::uint64_t before = check()["collections"];
  send("collect");
  next("collected");
  EXPECT_EQ(check()["collections"], before + 1);
}

TEST_F(Program, TakesNoMoreCpuThanItsShare) {
  start({"--cpu", "20"});
  const auto before = cpu_time(pid);
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < begun + 2s) next("beat");
  EXPECT_LT(cpu_time(pid) - before, (std::chrono::steady_clock::now() - begun) / 2);
}

TEST_F(Program, WrongArgumentsAreExplained) {
  ProgramTest::start(GO_HEAP_PROGRAM, {"--quiesced", "asleep"});
  EXPECT_EQ(wait_exit(), 2);
}

TEST_F(Program, TheEndOfItsInputEndsIt) {
  start();
  end_commands();
  EXPECT_EQ(wait_exit(), 0);
}

}  // namespace
}  // namespace snaphammer::go_heap
