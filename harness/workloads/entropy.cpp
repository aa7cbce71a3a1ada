#include "harness/scenario/kinds.h"

namespace snaphammer::workloads {
namespace {

using namespace std::chrono_literals;
using scenario::Choices;
using scenario::Fields;

/// What becomes of the program's own generator in a guest that was restored.
enum class Generator { kReseeded, kSeededOnce };
void describe(Choices<Generator>& words) {
  words.add(Generator::kReseeded, "reseeded", "it is seeded anew by the kernel, in each life of the guest");
  words.add(Generator::kSeededOnce, "seeded-once",
            "it goes on from the snapshot, as in programs that do not know of snapshots");
}

struct Entropy {
  std::uint64_t draws = 16;
  Duration pause = 100ms;
  Generator generator = Generator::kReseeded;
};
void describe(Fields<Entropy>& fields) {
  fields
      .add("draws", &Entropy::draws, "Of each source, in each life of the guest, that are compared with other guests'.")
      .between(1, 256);
  fields.add("pause", &Entropy::pause, "Between two draws of each source.").between(1ms, 1h);
  fields.add("generator", &Entropy::generator, "What becomes of its user-space generator when the guest is restored.");
}

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"entropy",
     "Draws random bytes and UUIDs from the kernel, and numbers of a user-space generator; the oracle uniqueness "
     "compares them over all clones and restores of a run.",
     "start: {workload: entropy, args: {generator: seeded-once}}", scenario::args_of<Entropy>()}};

}  // namespace
}  // namespace snaphammer::workloads
