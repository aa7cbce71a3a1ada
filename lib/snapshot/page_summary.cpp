#include "lib/snapshot/page_summary.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <thread>

#include <pthread.h>

#include "lib/base/units.h"

namespace snaphammer::snapshot {
namespace {

// Below this a thread costs more than it saves; above four, memory is the limit and not the CPU.
constexpr std::size_t kPagesPerThread = 256;
constexpr std::size_t kMaxThreads = 4;

bool is_zero(const std::byte* page) {
  // Equal to itself shifted by a word, and that word is zero.
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::uint64_t first = 0;
  std::memcpy(&first, page, kWord);
  return first == 0 && std::memcmp(page, page + kWord, kPageSize - kWord) == 0;
}

void summarize_part(const std::byte* page, std::span<PageSummary> summaries) {
  for (PageSummary& summary : summaries) {
    summary.zeros = is_zero(page);
    summary.checksum = summary.zeros ? Checksum() : checksum_of(std::span(page, kPageSize));
    page += kPageSize;
  }
}

std::size_t threads_for(std::size_t pages) {
  static const std::size_t available = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
  return std::clamp<std::size_t>(pages / kPagesPerThread, 1, available);
}

}  // namespace

void summarize(std::span<const std::byte> memory, std::vector<PageSummary>& summaries) {
  summaries.resize(memory.size() / kPageSize);
  const std::size_t threads = threads_for(summaries.size());
  const std::size_t share = summaries.size() / threads;
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < threads; ++i) {
    const std::size_t begin = i * share;
    const std::size_t count = i + 1 == threads ? summaries.size() - begin : share;
    const std::byte* page = memory.data() + begin * kPageSize;
    const auto part = std::span(summaries).subspan(begin, count);
    try {
      others.emplace_back([page, part] {
        ::pthread_setname_np(::pthread_self(), "snapshot-hash");
        summarize_part(page, part);
      });
    } catch (const std::system_error&) {
      summarize_part(page, part);  // No thread to be had: slower, and no reason to fail.
    }
  }
  summarize_part(memory.data(), std::span(summaries).first(threads > 1 ? share : summaries.size()));
}

}  // namespace snaphammer::snapshot
