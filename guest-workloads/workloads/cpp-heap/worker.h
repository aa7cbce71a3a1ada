// One thread of cpp-heap: it allocates, verifies, rewrites, passes on and frees blocks, in an order that follows from
// the seed, and never has more bytes in them than it is told to.
//
//   Worker worker(0, options, heaps, safe_point, exchange, findings);
//   worker.start();
//   worker.aim_for(8 << 20);
//   safe_point.close(); worker.verify_all(); ...           // while held, its blocks belong to whoever holds it
//   safe_point.end(); worker.join();
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "guest-workloads/workloads/base/keyed_words.h"
#include "guest-workloads/workloads/base/safe_point.h"
#include "guest-workloads/workloads/cpp-heap/findings.h"
#include "guest-workloads/workloads/cpp-heap/heap.h"
#include "guest-workloads/workloads/cpp-heap/options.h"

namespace snaphammer::cpp_heap {

/// A block in use.
struct LiveBlock {
  Heap* heap = nullptr;
  Block block;
};

/// Where threads leave blocks for each other: a block is then freed by another thread than the one that took it.
class Exchange {
 public:
  /// Leaves a block and takes another, when there are enough.
  std::optional<LiveBlock> swap(LiveBlock given);
  /// Takes one, when there is any.
  std::optional<LiveBlock> take();
  const std::vector<LiveBlock>& blocks() const { return blocks_; }

 private:
  LiveBlock take_first();

  static constexpr std::size_t kKept = 64;
  std::mutex mutex_;
  std::vector<LiveBlock> blocks_;
};

/// What it has done, so that a pass can be told from a run of nothing. Any thread reads them.
struct Work {
  std::atomic<std::uint64_t> allocated = 0;
  std::atomic<std::uint64_t> zeroed = 0;  ///< Allocations that were checked to be zero.
  std::atomic<std::uint64_t> rewritten = 0;
  std::atomic<std::uint64_t> verified = 0;
  std::atomic<std::uint64_t> released = 0;
  std::atomic<std::uint64_t> exchanged = 0;
  std::atomic<std::uint64_t> refused = 0;  ///< The heap had no room.
};

/// Verifies a block; reports damage and repairs it, so that it is told once.
void verify(const LiveBlock& live, Findings& findings);
/// Allocates, checks zeros if it asked for them, and fills. Nothing when the heap has no room.
std::optional<LiveBlock> allocate(Heap& heap, std::size_t bytes, bool zeroed, const Key& key, Findings& findings);

class Worker {
 public:
  using Heaps = std::array<Heap*, 2>;

  Worker(std::uint32_t number, const Options& options, const Heaps& heaps, workload::SafePoint& safe_point,
         Exchange& exchange, Findings& findings);
  ~Worker() { join(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  void join();

  /// Bytes that it lets its blocks grow, or shrink, to. Any thread.
  void aim_for(std::size_t bytes) { target_ = bytes; }
  std::size_t live_bytes() const { return live_bytes_; }
  const Work& work() const { return work_; }

  /// While held: verifies all blocks that it has; returns how many.
  std::size_t verify_all();

 private:
  void run();
  void step();
  void grow();
  void release(std::size_t at);
  void rewrite(LiveBlock& live);
  void pass_on(std::size_t at);
  LiveBlock take_out(std::size_t at);
  void put_in(const LiveBlock& live);
  std::size_t choose_bytes();

  const std::uint32_t number_;
  const Options& options_;
  const Heaps heaps_;
  workload::SafePoint& safe_point_;
  Exchange& exchange_;
  Findings& findings_;
  workload::Choice choice_;
  std::uint32_t allocations_ = 0;
  std::vector<LiveBlock> blocks_;
  std::atomic<std::size_t> live_bytes_ = 0;
  std::atomic<std::size_t> target_ = 0;
  Work work_;
  std::thread thread_;
};

}  // namespace snaphammer::cpp_heap
