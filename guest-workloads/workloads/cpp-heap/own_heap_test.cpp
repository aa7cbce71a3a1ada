#include "guest-workloads/workloads/cpp-heap/own_heap.h"

#include <array>
#include <cstring>
#include <latch>
#include <map>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "guest-workloads/workloads/base/keyed_words.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/cpp-heap/summary_tree.h"

namespace snaphammer::cpp_heap {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using workload::kPageBytes;

// Against a flat model.
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

}  // namespace
}  // namespace snaphammer::cpp_heap
