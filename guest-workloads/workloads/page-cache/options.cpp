#include "guest-workloads/workloads/page-cache/options.h"

#include "guest-workloads/workloads/base/keyed_words.h"

namespace snaphammer::page_cache {

workload::Arguments arguments_for(Options& options) {
  workload::Arguments arguments(
      "page-cache",
      "Writes, rewrites, punches holes into, deletes and creates files, by write() and through mappings, and reads "
      "them\n"
      "back. Every byte follows from seed, file, page and generation. The directory should be a tmpfs: there the page\n"
      "cache is all that the files have.\n"
      "Findings: lost-write, stale-page (a hole that is not zero).\n");
  arguments.text("directory", options.directory, "where a directory of its own is made");
  arguments.size("resident", options.resident, "in all files", {.low = 1 << 20, .high = 64ULL << 30});
  arguments.number("files", options.files, "that there are at a time", {.low = 1, .high = 4096});
  arguments.number("seed", options.seed, "of bytes and order");
  arguments.number("cpu", options.cpu, "percent of one CPU that it takes at most", {.low = 1, .high = 100});
  return arguments;
}

}  // namespace snaphammer::page_cache
