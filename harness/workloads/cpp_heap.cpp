#include "harness/workloads/breathing_heap.h"

namespace snaphammer::workloads {
namespace {

using scenario::Fields;

struct CppHeap {
  BreathingHeap heap;
  std::uint64_t threads = 3;
};
void describe(Fields<CppHeap>& fields) {
  fields.embed(&CppHeap::heap);
  fields.add("threads", &CppHeap::threads, "Threads that allocate.").between(1, 64);
}

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"cpp-heap",
     "Allocates, rewrites and frees blocks in several threads, on glibc's heap and one of its own, and verifies every "
     "byte and the allocator's structures.",
     "start: {workload: cpp-heap, args: {resident: 24MiB, threads: 3}}", scenario::args_of<CppHeap>()}};

}  // namespace
}  // namespace snaphammer::workloads
