// What all workloads take that allocate in breaths: a heap that grows, shrinks and stays small for a while, over and over.
//
//   struct CppHeap { BreathingHeap heap; std::uint64_t threads = 3; };
//   void describe(Fields<CppHeap>& fields) { fields.embed(&CppHeap::heap); ... }
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "harness/scenario/kinds.h"

namespace snaphammer::workloads {

struct BreathingHeap {
  ByteCount resident = 24_MiB;
  std::optional<std::uint64_t> seed;
  Duration breath = std::chrono::seconds(2);
  std::uint64_t keep = 25;
  std::uint64_t cpu = 40;
};
inline void describe(scenario::Fields<BreathingHeap>& fields) {
  using namespace std::chrono_literals;
  fields.size("resident", &BreathingHeap::resident, "Memory in live blocks at the height of a breath.")
      .between(1_MiB, 4_GiB);
  fields.add("seed", &BreathingHeap::seed, "Of sizes, order and bytes; without it, the run's.");
  fields.add("breath", &BreathingHeap::breath, "How long the heap grows, then shrinks, then stays small.")
      .between(10ms, 60min);
  fields.add("keep", &BreathingHeap::keep, "Percent of the memory that it shrinks to.").between(0, 100);
  fields.add("cpu", &BreathingHeap::cpu, "Percent of one CPU that it takes at most.").between(1, 100);
}

}  // namespace snaphammer::workloads
