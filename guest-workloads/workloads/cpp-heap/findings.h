// What cpp-heap finds, from the thread that finds it to the line that is written.
//
//   findings.take(BlockFinding{...});           any thread, any time
//   findings.write_to(output);                  the thread that writes
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "guest-workloads/workloads/base/output.h"
#include "guest-workloads/workloads/cpp-heap/block.h"

namespace snaphammer::cpp_heap {

/// A block that does not hold what it should.
struct BlockFinding {
  const char* heap = "";
  Block block;
  bool handed_out_as_zero = false;  ///< Then that is what it should hold.
  Damage damage;
};

/// Two parts of the own allocator that contradict each other.
struct StructureFinding {
  const char* structure = "";  ///< "summary"
  std::string where;           ///< "level 1, entry 7"
  std::uintptr_t address = 0;  ///< Of what was read.
  std::string expected;
  std::string read;
};

class Findings {
 public:
  void take(const BlockFinding& finding);
  void take(const StructureFinding& finding);

  std::uint64_t corruptions() const { return corruptions_; }
  std::uint64_t lost_writes() const { return lost_writes_; }
  /// Were not kept, as too many waited to be written; they are counted all the same.
  std::uint64_t dropped() const { return dropped_; }

  void write_to(workload::Output& output);

 private:
  void add(std::string line);

  std::atomic<std::uint64_t> corruptions_ = 0;
  std::atomic<std::uint64_t> lost_writes_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace snaphammer::cpp_heap
