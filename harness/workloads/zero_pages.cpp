#include "harness/scenario/kinds.h"

namespace snaphammer::workloads {
namespace {

using scenario::Fields;

struct ZeroPages {
  std::optional<ByteCount> resident;
  std::optional<std::uint64_t> seed;
  Duration hold = std::chrono::seconds(4);
  Duration settle = std::chrono::seconds(3);
};
void describe(Fields<ZeroPages>& fields) {
  fields
      .size("resident", &ZeroPages::resident,
            "Memory that is mapped, filled and checked in each round; without it 64MiB, or half of what is free in the "
            "guest when that is less.")
      .between(kPageSize, 1024_GiB);
  fields.add("seed", &ZeroPages::seed, "Of the bytes; without it, the run's.");
  fields.add("hold", &ZeroPages::hold, "How long a round keeps its memory before it verifies and unmaps it.");
  fields.add("settle", &ZeroPages::settle,
             "How long it waits after unmapping: time for the guest to give the memory back to the host.");
}

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"zero-pages",
     "Maps memory, expects fresh pages to be zero, fills them, and later verifies every byte. At each `check` it also "
     "writes zeros over every fourth page, and verifies those.",
     "start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}",
     scenario::args_of<ZeroPages>(),
     {},
     "resident"}};

}  // namespace
}  // namespace snaphammer::workloads
