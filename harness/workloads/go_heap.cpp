#include "harness/workloads/breathing_heap.h"

namespace snaphammer::workloads {
namespace {

using namespace std::chrono_literals;
using scenario::Choices;
using scenario::Fields;

/// What its goroutines do while the guest is quiesced.
enum class Quiesced { kStill, kWorking };
void describe(Choices<Quiesced>& words) {
  words.add(Quiesced::kStill, "still", "they stand still");
  words.add(Quiesced::kWorking, "working",
            "they go on allocating, as in daemons that have their runtime collect and go single-threaded and no more");
}

struct GoHeap {
  BreathingHeap heap;
  std::uint64_t goroutines = 32;
  Duration collect = 1s;
  ByteCount growth{};
  ByteCount blank{};
  Quiesced quiesced = Quiesced::kStill;
};
void describe(Fields<GoHeap>& fields) {
  fields.embed(&GoHeap::heap);
  fields.add("goroutines", &GoHeap::goroutines, "Goroutines that allocate.").between(1, 256);
  fields.add("collect", &GoHeap::collect, "Time between collections that are forced.").between(10ms, 60min);
  fields
      .size("growth", &GoHeap::growth,
            "How much more memory it has in live blocks from each check on; the check waits for it.")
      .between(0, 1_GiB);
  fields
      .size("blank", &GoHeap::blank,
            "How much memory stays zero from check to check, as Go handed it out. As much is full of bytes, and "
            "becomes the "
            "zero memory at the next check.")
      .between(0, 1_GiB);
  fields.add("quiesced", &GoHeap::quiesced, "What its goroutines do while the guest is quiesced.");
}

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"go-heap",
     "A Go program: many goroutines allocate objects of many sizes, with maps, channels, finalizers and forced "
     "collections, and verify every byte; a fatal error of Go's runtime is a heap-corruption, too.",
     "start: {workload: go-heap, args: {resident: 24MiB, goroutines: 32}}", scenario::args_of<GoHeap>()}};

}  // namespace
}  // namespace snaphammer::workloads
