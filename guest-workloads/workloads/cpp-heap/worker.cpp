#include "guest-workloads/workloads/cpp-heap/worker.h"

#include <pthread.h>

#include "guest-workloads/workloads/base/pace.h"

namespace snaphammer::cpp_heap {
namespace {

constexpr unsigned kStepsAtOnce = 16;        // Between two safe points: some milliseconds of an emulated CPU.
constexpr unsigned kWorkerBits = 24;         // Of a block's index: which allocation of its worker.
constexpr std::size_t kBlockReserve = 1024;  // So that the program's own lists seldom move.

}  // namespace

std::optional<LiveBlock> Exchange::swap(LiveBlock given) {
  const std::lock_guard lock(mutex_);
  blocks_.push_back(given);
  if (blocks_.size() <= kKept) return std::nullopt;
  return take_first();
}

std::optional<LiveBlock> Exchange::take() {
  const std::lock_guard lock(mutex_);
  if (blocks_.empty()) return std::nullopt;
  return take_first();
}

// Not the last, which the thread that takes it may have left itself.
LiveBlock Exchange::take_first() {
  const LiveBlock taken = blocks_.front();
  blocks_.front() = blocks_.back();
  blocks_.pop_back();
  return taken;
}

void verify(const LiveBlock& live, Findings& findings) {
  if (holds(live.block)) return;
  const auto damage = examine(live.block);
  if (!damage) return;  // Right when read again: a page that changed meanwhile, and told by who reads it next.
  findings.take(BlockFinding{live.heap->name(), live.block, false, *damage});
  fill(live.block);
}

std::optional<LiveBlock> allocate(Heap& heap, std::size_t bytes, bool zeroed, const Key& key, Findings& findings) {
  auto* words = static_cast<std::uint64_t*>(heap.allocate(bytes, zeroed));
  if (words == nullptr) return std::nullopt;
  const LiveBlock live{&heap, {.words = words, .count = bytes / sizeof(std::uint64_t), .key = key}};
  if (zeroed) {
    // Written first: a page of zeros that was only read so far is the kernel's shared one, and nobody's memory.
    *const_cast<volatile std::uint64_t*>(words) = *const_cast<volatile std::uint64_t*>(words);
    if (const auto damage = examine_zeroed(live.block))
      findings.take(BlockFinding{heap.name(), live.block, true, *damage});
  }
  fill(live.block);
  return live;
}

Worker::Worker(std::uint32_t number, const Options& options, const Heaps& heaps, workload::SafePoint& safe_point,
               Exchange& exchange, Findings& findings)
    : number_(number),
      options_(options),
      heaps_(heaps),
      safe_point_(safe_point),
      exchange_(exchange),
      findings_(findings),
      choice_(workload::mix(options.seed) + number) {
  blocks_.reserve(kBlockReserve);
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::run() {
  ::pthread_setname_np(::pthread_self(), ("heap-" + std::to_string(number_)).c_str());
  workload::Pace pace(std::max<std::uint64_t>(options_.cpu / options_.threads, 1));
  while (safe_point_.pass(pace.rest())) {
    for (unsigned i = 0; i < kStepsAtOnce; ++i) step();
  }
}

// More of what brings it nearer to its target, and a little of everything else.
void Worker::step() {
  const bool below = live_bytes_ < target_;
  if (!below) {
    if (const auto left = exchange_.take()) put_in(*left);  // Else a few blocks would keep many free pages apart.
  }
  const std::uint64_t choice = choice_.below(16);
  if (blocks_.empty()) {
    if (below) grow();
    return;
  }
  const std::size_t at = choice_.below(blocks_.size());
  if (choice < 8) return below ? grow() : release(at);
  if (choice < 10) return release(at);
  if (choice < 14) return rewrite(blocks_[at]);
  pass_on(at);
}

std::size_t Worker::choose_bytes() {
  const std::uint64_t choice = choice_.below(64);
  std::size_t most = 1024;
  if (choice >= 48) most = 8 << 10;
  if (choice >= 60) most = 64 << 10;
  if (choice == 63) most = 256 << 10;  // Where glibc has a mapping for each.
  return kSmallestBlock + choice_.below((most - kSmallestBlock) / 8) * 8;
}

void Worker::grow() {
  const std::size_t bytes = choose_bytes();
  Heap& heap = *heaps_[choice_.below(heaps_.size())];
  const bool zeroed = choice_.below(2) == 0;
  const Key key{.seed = options_.seed,
                .index = number_ << kWorkerBits | (++allocations_ & ((1U << kWorkerBits) - 1)),
                .generation = 0};
  const auto live = allocate(heap, bytes, zeroed, key, findings_);
  if (!live) {
    ++work_.refused;
    return;
  }
  ++work_.allocated;
  if (zeroed) ++work_.zeroed;
  put_in(*live);
}

void Worker::release(std::size_t at) {
  const LiveBlock live = take_out(at);
  verify(live, findings_);
  live.heap->release(live.block.words);
  ++work_.verified;
  ++work_.released;
}

void Worker::rewrite(LiveBlock& live) {
  verify(live, findings_);
  ++live.block.key.generation;
  fill(live.block);
  ++work_.verified;
  ++work_.rewritten;
}

void Worker::pass_on(std::size_t at) {
  const auto taken = exchange_.swap(take_out(at));
  ++work_.exchanged;
  if (taken) put_in(*taken);
}

LiveBlock Worker::take_out(std::size_t at) {
  const LiveBlock live = blocks_[at];
  blocks_[at] = blocks_.back();
  blocks_.pop_back();
  live_bytes_ -= live.block.bytes();
  return live;
}

void Worker::put_in(const LiveBlock& live) {
  blocks_.push_back(live);
  live_bytes_ += live.block.bytes();
}

std::size_t Worker::verify_all() {
  for (const LiveBlock& live : blocks_) verify(live, findings_);
  work_.verified += blocks_.size();
  return blocks_.size();
}

}  // namespace snaphammer::cpp_heap
