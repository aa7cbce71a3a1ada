#include "harness/scenario/kinds.h"

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
  ByteCount resident = 24_MiB;
  std::uint64_t goroutines = 32;
  std::optional<std::uint64_t> seed;
  Duration breath = 2s;
  std::uint64_t keep = 25;
  std::uint64_t cpu = 40;
  Duration collect = 1s;
  ByteCount growth{};
  Quiesced quiesced = Quiesced::kStill;
};
void describe(Fields<GoHeap>& fields) {
  fields.size("resident", &GoHeap::resident, "Memory in live blocks at the height of a breath.").between(1_MiB, 4_GiB);
  fields.add("goroutines", &GoHeap::goroutines, "Goroutines that allocate.").between(1, 256);
  fields.add("seed", &GoHeap::seed, "Of sizes, order and bytes; without it, the run's.");
  fields.add("breath", &GoHeap::breath, "How long the heap grows, then shrinks, then stays small.")
      .between(10ms, 60min);
  fields.add("keep", &GoHeap::keep, "Percent of the memory that it shrinks to.").between(0, 100);
  fields.add("cpu", &GoHeap::cpu, "Percent of one CPU that it takes at most.").between(1, 100);
  fields.add("collect", &GoHeap::collect, "Time between collections that are forced.").between(10ms, 60min);
  fields
      .size("growth", &GoHeap::growth,
            "How much more memory it has in live blocks from each check on; the check waits for it.")
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
