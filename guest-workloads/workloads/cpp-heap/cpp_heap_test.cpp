#include <chrono>
#include <cstring>
#include <latch>
#include <map>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "guest-workloads/workloads/base/keyed_words.h"
#include "guest-workloads/workloads/base/testing/program.h"
#include "guest-workloads/workloads/cpp-heap/block.h"
#include "guest-workloads/workloads/cpp-heap/glibc_heap.h"
#include "guest-workloads/workloads/cpp-heap/own_heap.h"
#include "guest-workloads/workloads/cpp-heap/page_heap.h"
#include "guest-workloads/workloads/cpp-heap/summary_tree.h"
#include "guest-workloads/workloads/cpp-heap/worker.h"

namespace snaphammer::cpp_heap {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using workload::kPageBytes;

// ---- blocks

class Blocks : public testing::Test {
 protected:
  static constexpr std::size_t kWords = 3 * kPageBytes / 8;

  Block block(std::size_t first, std::size_t count, std::uint32_t generation = 5) {
    return {.words = memory.data() + first, .count = count, .key = {.seed = 7, .index = 3, .generation = generation}};
  }
  static std::uint8_t& byte(const Block& block, std::size_t offset) {
    return reinterpret_cast<std::uint8_t*>(block.words)[offset];
  }
  alignas(kPageBytes) std::array<std::uint64_t, kWords> memory{};
};

TEST_F(Blocks, HoldWhatTheyWereFilledWith) {
  for (const std::size_t count : {4, 5, 13, 512, 1000}) {
    const Block filled = block(17, count);
    fill(filled);
    EXPECT_TRUE(holds(filled));
    EXPECT_FALSE(examine(filled));
  }
}

TEST_F(Blocks, EveryPlaceOfOneFlippedBitIsFound) {
  const Block filled = block(9, 40);
  for (std::size_t offset = 0; offset < filled.bytes(); ++offset) {
    fill(filled);
    const std::uint8_t written = byte(filled, offset);
    byte(filled, offset) ^= 0x20;
    ASSERT_FALSE(holds(filled)) << offset;
    const auto damage = examine(filled);
    ASSERT_TRUE(damage);
    EXPECT_EQ(damage->offset, offset);
    EXPECT_EQ(damage->held, Held::kOther);
    EXPECT_EQ(damage->expected[0], written);
    EXPECT_EQ(damage->read[0], written ^ 0x20);
    EXPECT_LE(offset + damage->shown, filled.bytes());
  }
}

TEST_F(Blocks, ThoseOfAnotherAddressOrGenerationAreFound) {
  const Block filled = block(0, 64);
  fill(filled);
  std::copy_n(filled.words, 64, memory.begin() + 64);
  Block copy = filled;
  copy.words = memory.data() + 64;
  EXPECT_FALSE(holds(copy)) << "the canaries know their address";
  Block later = filled;
  ++later.key.generation;
  EXPECT_FALSE(holds(later));
}

TEST_F(Blocks, APageThatWentBackInTimeIsToldByItsGeneration) {
  const Block old = block(100, 1000, 3);
  fill(old);
  const std::array<std::uint64_t, kWords> before = memory;
  const Block now = block(100, 1000, 5);
  fill(now);
  std::copy_n(before.begin() + 512, 512, memory.begin() + 512);  // The second page of three.
  const auto damage = examine(now);
  ASSERT_TRUE(damage);
  EXPECT_EQ(damage->offset, (512U - 100U) * 8);
  EXPECT_EQ(damage->held, Held::kEarlierGeneration);
  EXPECT_EQ(damage->generation, 3U);
}

TEST_F(Blocks, APageThatBecameZeroIsToldAndAPartOfOneIsNot) {
  const Block filled = block(100, 1000);
  fill(filled);
  std::fill_n(memory.begin() + 512, 512, 0);
  EXPECT_EQ(examine(filled)->held, Held::kZeros);
  fill(filled);
  std::fill_n(memory.begin() + 512, 300, 0);
  EXPECT_EQ(examine(filled)->held, Held::kOther);
}

TEST_F(Blocks, OneByteOfAZeroedBlockIsFound) {
  const Block zeroed = block(9, 40);
  EXPECT_FALSE(examine_zeroed(zeroed));
  byte(zeroed, 77) = 1;
  ASSERT_TRUE(examine_zeroed(zeroed));
  EXPECT_EQ(examine_zeroed(zeroed)->offset, 77U);
  EXPECT_EQ(examine_zeroed(zeroed)->expected[0], 0);
}

TEST_F(Blocks, DamageIsToldOnce) {
  Findings findings;
  GlibcHeap heap;
  const LiveBlock live{&heap, block(9, 40)};
  fill(live.block);
  byte(live.block, 50) ^= 1;
  verify(live, findings);
  EXPECT_EQ(findings.corruptions(), 1U);
  verify(live, findings);
  EXPECT_EQ(findings.corruptions(), 1U);
}

// ---- the tree of summaries, against a flat model

class Tree : public testing::Test {
 protected:
  explicit Tree(std::size_t pages = 64 * 83)
      : model(pages), memory(SummaryTree::words_for(pages)), tree(memory, pages) {}

  void set(std::size_t first, std::size_t count, bool taken) {
    tree.set(first, count, taken);
    std::fill_n(model.begin() + static_cast<std::ptrdiff_t>(first), count, taken);
  }
  std::optional<std::size_t> first_run(std::size_t count) const {
    std::size_t run = 0;
    for (std::size_t page = 0; page < model.size(); ++page) {
      run = model[page] ? 0 : run + 1;
      if (run == count) return page + 1 - count;
    }
    return std::nullopt;
  }
  std::vector<SummaryTree::Contradiction> contradictions() {
    std::vector<SummaryTree::Contradiction> found;
    tree.verify([&](const SummaryTree::Contradiction& wrong) { found.push_back(wrong); });
    return found;
  }

  std::vector<bool> model;
  std::vector<std::uint64_t> memory;
  SummaryTree tree;
};

TEST_F(Tree, FindsTheFirstRunThatIsLongEnough) {
  workload::Choice choice(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t count = 1 + choice.below(choice.below(8) == 0 ? 400 : 12);
    const auto found = tree.find(count);
    ASSERT_EQ(found, first_run(count)) << "step " << i << ", " << count << " pages";
    const bool free_some = !found || choice.below(20) < 9;
    if (!free_some) {
      set(*found, count, true);
      continue;
    }
    const std::size_t first = choice.below(model.size() - count);
    set(first, count, choice.below(8) == 0);
  }
  EXPECT_THAT(contradictions(), IsEmpty());
  EXPECT_EQ(tree.taken(), static_cast<std::size_t>(std::count(model.begin(), model.end(), true)));
}

TEST_F(Tree, ARunOverManyChildrenIsFound) {
  set(0, model.size(), true);
  set(100, 64 * 30, false);
  EXPECT_EQ(tree.longest(), 64U * 30);
  EXPECT_EQ(tree.find(64 * 30), 100U);
  EXPECT_EQ(tree.find(64 * 30 + 1), std::nullopt);
}

TEST_F(Tree, EverySummaryThatIsChangedIsFoundAndRepaired) {
  set(70, 900, true);
  for (std::size_t level = 0; level < 3; ++level) {
    for (std::uint64_t& word : tree.level(level)) {
      const std::uint64_t right = word;
      word ^= 1U << 3;
      const auto found = contradictions();
      ASSERT_FALSE(found.empty());
      EXPECT_EQ(found[0].address, reinterpret_cast<std::uintptr_t>(&word));
      EXPECT_EQ(found[0].expected.pack(), right);
      EXPECT_EQ(word, right);
      ASSERT_THAT(contradictions(), IsEmpty()) << "it is told once";
    }
  }
}

// ---- the own allocator

class Own : public testing::Test {
 protected:
  static constexpr std::size_t kBytes = 8 << 20;

  void expect_sound() {
    heap.check();
    EXPECT_EQ(findings.corruptions(), 0U) << lines();
  }
  std::string lines() {
    int out[2];
    EXPECT_EQ(::pipe2(out, O_NONBLOCK), 0);
    workload::Output output(out[1]);
    findings.write_to(output);
    std::string text(60'000, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(out[0], text.data(), text.size()), 0)));
    ::close(out[0]);
    ::close(out[1]);
    return text;
  }
  std::vector<void*> allocate(std::size_t count, std::size_t bytes) {
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < count; ++i) {
      blocks.push_back(heap.allocate(bytes, false));
      std::memset(blocks.back(), 0xee, bytes);
    }
    return blocks;
  }
  Findings findings;
  OwnHeap heap{kBytes, findings};
};

TEST_F(Own, BlocksDoNotOverlapAndComeBack) {
  workload::Choice choice(3);
  std::map<std::uintptr_t, std::size_t> live;
  for (int i = 0; i < 30'000; ++i) {
    if (choice.below(2) == 0 && !live.empty()) {
      auto at = live.lower_bound(live.begin()->first + choice.below(kBytes));
      if (at == live.end()) at = live.begin();
      heap.release(reinterpret_cast<void*>(at->first));
      live.erase(at);
      continue;
    }
    const std::size_t bytes = 32 + choice.below(choice.below(16) == 0 ? 60'000 : 2'000);
    void* block = heap.allocate(bytes, false);
    if (block == nullptr) continue;
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const auto after = live.lower_bound(address);
    ASSERT_TRUE(after == live.end() || address + bytes <= after->first);
    ASSERT_TRUE(after == live.begin() || std::prev(after)->first + std::prev(after)->second <= address);
    live[address] = bytes;
  }
  expect_sound();
  for (const auto& [address, bytes] : live) heap.release(reinterpret_cast<void*>(address));
  expect_sound();
  EXPECT_EQ(heap.page_heap().taken(), 0U) << "all pages have gone back";
}

TEST_F(Own, ZeroedBlocksAreZeroWhateverWasThereBefore) {
  for (int round = 0; round < 3; ++round) {
    for (const std::size_t bytes : {32, 100, 5'000, 40'000}) {
      for (void* block : allocate(50, bytes)) heap.release(block);
      void* kept = heap.allocate(bytes, false);
      void* block = heap.allocate(bytes, true);
      EXPECT_EQ(std::count(static_cast<char*>(block), static_cast<char*>(block) + bytes, 0),
                static_cast<std::ptrdiff_t>(bytes));
      heap.release(block);
      heap.release(kept);
    }
    heap.trim();
  }
  expect_sound();
}

TEST_F(Own, RefusesWhatItHasNoRoomFor) {
  EXPECT_EQ(heap.allocate(kBytes + 1, false), nullptr);
  std::vector<void*> blocks;
  while (void* block = heap.allocate(100'000, false)) blocks.push_back(block);
  EXPECT_EQ(heap.allocate(100'000, false), nullptr);
  for (void* block : blocks) heap.release(block);
  EXPECT_NE(heap.allocate(kBytes / 2, false), nullptr);
  expect_sound();
}

TEST_F(Own, WhatIsTrimmedIsTrustedToBeZeros) {
  for (void* block : allocate(100, 4'096)) heap.release(block);
  heap.trim();
  // Bytes from before, as a broken page server leaves them.
  for (std::size_t page = 0; page < 8; ++page) heap.page_heap().address(page)[100] = 0x77;
  auto* block = static_cast<std::uint8_t*>(heap.allocate(4'096, true));
  EXPECT_EQ(block[100], 0x77) << "it was cleared, and would hide them";
}

TEST_F(Own, ADamagedLinkOfAFreeListIsAFindingAndNoCrash) {
  const auto blocks = allocate(10, 100);
  heap.release(blocks[3]);
  heap.release(blocks[5]);
  *static_cast<std::uint64_t*>(blocks[5]) = 0xdeadbeef;
  heap.check();
  EXPECT_THAT(lines(), HasSubstr("\"structure\":\"free list\""));
  EXPECT_NE(heap.allocate(100, false), nullptr);
  EXPECT_EQ(findings.corruptions(), 2U) << "once by the check, once by who came across it";
  heap.check();
  EXPECT_EQ(findings.corruptions(), 2U);
}

TEST_F(Own, ADamagedBitmapIsAFinding) {
  const auto blocks = allocate(10, 4'096);
  heap.page_heap().tree().bitmap()[0] &= ~std::uint64_t{4};
  heap.check();
  EXPECT_THAT(lines(), HasSubstr("\"structure\":\"page bitmap\""));
}

TEST_F(Own, APageThatIsTakenByNobodyIsAFinding) {
  heap.page_heap().tree().bitmap()[5] |= 1;
  heap.check();
  EXPECT_THAT(lines(), HasSubstr("\"structure\":\"page count\""));
}

TEST_F(Own, SummariesThatPromiseTooMuchAreAFindingAndRepaired) {
  allocate(1, kBytes - 64 * kPageBytes);
  for (std::size_t level = 0; level < 4; ++level) {
    for (std::uint64_t& word : heap.page_heap().tree().level(level)) word = Summary{64, 900, 0}.pack();
  }
  EXPECT_EQ(heap.allocate(500 * kPageBytes, false), nullptr);
  EXPECT_THAT(lines(), HasSubstr("\"structure\":\"summary\""));
  EXPECT_GT(findings.corruptions(), 0U);
  EXPECT_NE(heap.allocate(10 * kPageBytes, false), nullptr);
}

// Few sizes, so that they meet.
TEST_F(Own, SeveralThreadsFreeEachOthersBlocks) {
  constexpr std::size_t kThreads = 4;
  std::array<std::array<std::atomic<void*>, 64>, 2> shared{};
  std::latch all_there(kThreads);
  std::vector<std::thread> threads;
  for (std::uint64_t number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      workload::Choice choice(number);
      all_there.arrive_and_wait();
      for (int i = 0; i < 30'000; ++i) {
        const std::size_t size = choice.below(2);
        void* given = heap.allocate(size == 0 ? 64 : 3'000, choice.below(2) == 0);
        if (void* taken = shared[size][choice.below(64)].exchange(given)) heap.release(taken);
        if (i % 1'000 == 0) heap.trim();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_sound();
}

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
  void quiesce() {
    send("quiesce");
    next("quiesced");
  }
  std::uint64_t at(const char* name) const { return ready.at(name); }
  void overwrite(std::uint64_t address, const std::string& bytes) { ProgramTest::overwrite(worker, address, bytes); }
  /// The verdict, and the findings that came before.
  nlohmann::json check() {
    send("check");
    findings.clear();
    nlohmann::json line = next_line();
    for (; !line.is_null() && line["type"] != "verdict"; line = next_line()) {
      if (line["type"] == "finding") findings.push_back(line);
    }
    return line;
  }
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
  nlohmann::json ready;
  pid_t worker = -1;
  std::vector<nlohmann::json> findings;
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
