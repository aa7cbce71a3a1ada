#include "guest-workloads/workloads/cpp-heap/page_heap.h"

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::cpp_heap {
namespace {

using workload::kPageBytes;
constexpr std::size_t kGrain = SummaryTree::kLeafPages * kPageBytes;

std::size_t round_up(std::size_t bytes) { return (bytes + kGrain - 1) / kGrain * kGrain; }

std::size_t structure_bytes(std::size_t pages) {
  return (SummaryTree::words_for(pages) + pages / SummaryTree::kLeafPages) * sizeof(std::uint64_t);
}

std::string run_text(std::size_t page, std::size_t pages) {
  return "pages " + std::to_string(page) + " to " + std::to_string(page + pages - 1);
}

}  // namespace

PageHeap::PageHeap(std::size_t bytes, Findings& findings)
    : findings_(findings),
      arena_(round_up(bytes)),
      structure_(structure_bytes(round_up(bytes) / kPageBytes)),
      // Without memory a tree over nothing; who made the heap looks before using it.
      tree_(*this ? structure_.words() : std::span<std::uint64_t>(), *this ? round_up(bytes) / kPageBytes : 0) {
  for (std::uint64_t& word : zero_bits()) word = ~std::uint64_t{0};
}

std::span<std::uint64_t> PageHeap::zero_bits() const {
  return *this ? structure_.words().last(tree_.pages() / SummaryTree::kLeafPages) : std::span<std::uint64_t>();
}

std::optional<PageHeap::Run> PageHeap::take(std::size_t pages) {
  const std::lock_guard lock(mutex_);
  if (tree_.longest() < pages) return std::nullopt;
  std::optional<std::size_t> page = tree_.find(pages);
  if (!page || !tree_.all_are(*page, pages, false)) {
    verify();  // The summaries promised what the bitmap does not have; they are right afterwards.
    page = tree_.find(pages);
    if (!page) return std::nullopt;
  }
  tree_.set(*page, pages, true);
  Run run{.page = *page, .pages = pages, .zero = true};
  const auto zero = zero_bits();
  for_each_word(run.page, run.pages, [&](std::size_t word, std::uint64_t mask) {
    run.zero &= (zero[word] & mask) == mask;
    zero[word] &= ~mask;
  });
  return run;
}

void PageHeap::give_back(std::size_t page, std::size_t pages) {
  const std::lock_guard lock(mutex_);
  if (!tree_.all_are(page, pages, true)) {
    findings_.take(StructureFinding{"page bitmap", run_text(page, pages),
                                    reinterpret_cast<std::uintptr_t>(&tree_.bitmap()[page / SummaryTree::kLeafPages]),
                                    "all taken, as they are given back", "some of them free"});
  }
  tree_.set(page, pages, false);
}

std::size_t PageHeap::trim() {
  const std::lock_guard lock(mutex_);
  const auto zero = zero_bits();
  std::size_t trimmed = 0;
  std::size_t run = 0;
  for (std::size_t page = 0; page <= pages(); ++page) {
    const bool wanted = page < pages() && tree_.all_are(page, 1, false) && (zero[page / 64] >> page % 64 & 1) == 0;
    if (wanted) {
      zero[page / 64] |= std::uint64_t{1} << page % 64;
      ++run;
    } else if (run > 0) {
      workload::give_back(address(page - run), run * kPageBytes);
      trimmed += run;
      run = 0;
    }
  }
  return trimmed;
}

std::size_t PageHeap::check() {
  const std::lock_guard lock(mutex_);
  return verify();
}

std::size_t PageHeap::verify() {
  return tree_.verify([this](const SummaryTree::Contradiction& wrong) {
    findings_.take(StructureFinding{"summary",
                                    "level " + std::to_string(wrong.level) + ", entry " + std::to_string(wrong.entry),
                                    wrong.address, wrong.expected.describe(), wrong.read.describe()});
  });
}

bool PageHeap::all_taken(std::size_t page, std::size_t pages) const {
  const std::lock_guard lock(mutex_);
  return tree_.all_are(page, pages, true);
}

std::size_t PageHeap::taken() const {
  const std::lock_guard lock(mutex_);
  return tree_.taken();
}

std::uint8_t* PageHeap::address(std::size_t page) const { return arena_.data() + page * kPageBytes; }

std::size_t PageHeap::page_of(const void* address) const {
  return static_cast<std::size_t>(static_cast<const std::uint8_t*>(address) - arena_.data()) / kPageBytes;
}

}  // namespace snaphammer::cpp_heap
