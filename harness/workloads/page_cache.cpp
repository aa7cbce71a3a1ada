#include "harness/scenario/kinds.h"

namespace snaphammer::workloads {
namespace {

using scenario::Fields;

struct PageCache {
  std::string directory = "/tmp";
  ByteCount resident = 32_MiB;
  std::uint64_t files = 64;
  std::optional<std::uint64_t> seed;
  std::uint64_t cpu = 40;
};
void describe(Fields<PageCache>& fields) {
  fields.add("directory", &PageCache::directory, "Where its files are; in the guest's /tmp they are in memory only.");
  fields.size("resident", &PageCache::resident, "Memory in all files.").between(1_MiB, 64_GiB);
  fields.add("files", &PageCache::files, "Files that there are at a time.").between(1, 4096);
  fields.add("seed", &PageCache::seed, "Of bytes and order; without it, the run's.");
  fields.add("cpu", &PageCache::cpu, "Percent of one CPU that it takes at most.").between(1, 100);
}

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"page-cache", "Writes, cuts, punches, deletes and reads back files in memory, and verifies every byte.",
     "start: {workload: page-cache, args: {resident: 32MiB}}", scenario::args_of<PageCache>(),
     {}, "resident"}};

}  // namespace
}  // namespace snaphammer::workloads
