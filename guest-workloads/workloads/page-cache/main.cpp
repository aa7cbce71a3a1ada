// page-cache: do files that are nowhere but in memory keep what was written to them?
#include <unistd.h>

#include "guest-workloads/workloads/page-cache/file_work.h"

int main(int argc, char** argv) {
  using namespace snaphammer::page_cache;  // NOLINT: a program, not a library
  Options options;
  if (const auto status = arguments_for(options).read(argc, argv)) return *status;
  FileWork work(options, STDIN_FILENO);
  return work.run() ? 0 : 1;
}
