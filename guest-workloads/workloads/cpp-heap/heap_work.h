// The life of cpp-heap: threads on two heaps, which grow and shrink as if they breathed; and the commands meanwhile.
//
//   HeapWork work(options, STDIN_FILENO, checks_waiting);
//   return work.run() ? 0 : 1;
//
// A check holds all threads, verifies every live block and compares the own allocator's structures. `quiesce` holds them
// until `resume`, after free memory was given to the kernel: what a snapshot then has of this program is at rest.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <vector>

#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/cpp-heap/glibc_heap.h"
#include "guest-workloads/workloads/cpp-heap/own_heap.h"
#include "guest-workloads/workloads/cpp-heap/worker.h"

namespace snaphammer::cpp_heap {

class HeapWork {
 public:
  /// `commands` is read for commands; `checks_waiting` as in workload::Commands.
  HeapWork(const Options& options, int commands, std::atomic<unsigned>& checks_waiting);
  ~HeapWork();

  /// Runs until `stop` or the end of the commands. False when the memory could not be had.
  bool run();

 private:
  using Clock = workload::Commands::Clock;
  enum class Phase {
    kIn,    ///< Growing, and then full.
    kOut,   ///< Shrinking.
    kRest,  ///< Small; free memory is the kernel's, and stays there long enough to go on to the host.
  };

  bool grow_to_full();
  /// Starts the next phase when the last one is over.
  void breathe();
  void aim(std::size_t bytes);
  void trim();

  void quiesce();
  void resume() { safe_point_.open(); }
  void answer_check();
  bool make_anchors();
  void renew_anchors();

  std::size_t live_bytes() const;
  std::size_t full_bytes() const { return options_.resident / 8 * 7; }  // The rest waits in the exchange.
  workload::JsonObject counters() const;
  void say_ready();
  void beat();

  Options options_;
  workload::Output output_;
  workload::Commands commands_;
  Findings findings_;
  OwnHeap own_heap_;
  GlibcHeap glibc_heap_;
  Worker::Heaps heaps_;
  workload::SafePoint safe_point_;
  Exchange exchange_;
  std::vector<std::unique_ptr<Worker>> workers_;
  /// One block of each heap that lives from check to check: at a known address, which `ready` tells.
  std::array<LiveBlock, 2> anchors_;
  std::uint64_t checks_ = 0;
  std::uint64_t breaths_ = 0;
  Phase phase_ = Phase::kIn;
  Clock::time_point phase_ends_;
};

}  // namespace snaphammer::cpp_heap
