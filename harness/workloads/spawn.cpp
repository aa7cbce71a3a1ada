#include "harness/scenario/kinds.h"

namespace snaphammer::workloads {
namespace {

using namespace std::chrono_literals;
using scenario::Fields;

struct Spawn {
  std::uint64_t depth = 2;
  std::uint64_t fan = 3;
  std::uint64_t orphans = 1;
  Duration linger = 20ms;
  Duration hang = 20s;
  Duration pause = 200ms;
  std::optional<std::uint64_t> seed;
  std::uint64_t cpu = 40;
};
void describe(Fields<Spawn>& fields) {
  fields.add("depth", &Spawn::depth, "Of the tree of processes that each round starts.").between(1, 5);
  fields.add("fan", &Spawn::fan, "Children of each process in it.").between(1, 8);
  fields.add("orphans", &Spawn::orphans, "Processes that a round leaves to init, which has to reap them.")
      .between(0, 16);
  fields.add("linger", &Spawn::linger, "How long a leaf of the tree, or an orphan, lives.").between(0ms, 1h);
  fields.add("hang", &Spawn::hang, "How long a tree may take, and an orphan stay a zombie.").between(10ms, 1h);
  fields.add("pause", &Spawn::pause, "Between two rounds, at least.").between(0ms, 1h);
  fields.add("seed", &Spawn::seed, "Of memory and statuses; without it, the run's.");
  fields.add("cpu", &Spawn::cpu, "Percent of one CPU that it takes at most.").between(1, 100);
}

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"spawn",
     "Starts trees of processes that verify what they inherit, and watches that they end, are reaped, and leave no "
     "descriptors and memory behind.",
     "start: {workload: spawn, args: {depth: 2, fan: 3}}", scenario::args_of<Spawn>()}};

}  // namespace
}  // namespace snaphammer::workloads
