#include "harness/scenario/kinds.h"

namespace snaphammer::workloads {
namespace {

using namespace std::chrono_literals;
using scenario::Fields;

struct CppHeap {
  ByteCount resident = 24_MiB;
  std::uint64_t threads = 3;
  std::optional<std::uint64_t> seed;
  Duration breath = 2s;
  std::uint64_t keep = 25;
  std::uint64_t cpu = 40;
};
void describe(Fields<CppHeap>& fields) {
  fields.size("resident", &CppHeap::resident, "Memory in live blocks at the height of a breath.").between(1_MiB, 4_GiB);
  fields.add("threads", &CppHeap::threads, "Threads that allocate.").between(1, 64);
  fields.add("seed", &CppHeap::seed, "Of sizes, order and bytes; without it, the run's.");
  fields.add("breath", &CppHeap::breath, "How long the heap grows, then shrinks, then stays small.")
      .between(10ms, 60min);
  fields.add("keep", &CppHeap::keep, "Percent of the memory that it shrinks to.").between(0, 100);
  fields.add("cpu", &CppHeap::cpu, "Percent of one CPU that it takes at most.").between(1, 100);
}

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"cpp-heap",
     "Allocates, rewrites and frees blocks in several threads, on glibc's heap and one of its own, and verifies every "
     "byte and the allocator's structures.",
     "start: {workload: cpp-heap, args: {resident: 24MiB, threads: 3}}", scenario::args_of<CppHeap>()}};

}  // namespace
}  // namespace snaphammer::workloads
