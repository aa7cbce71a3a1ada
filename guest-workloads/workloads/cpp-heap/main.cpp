// cpp-heap: do allocators keep what they are given, and their own books, when memory goes away and comes back?
#include <unistd.h>

#include "guest-workloads/workloads/base/supervisor.h"
#include "guest-workloads/workloads/cpp-heap/heap_work.h"

int main(int argc, char** argv) {
  using namespace snaphammer::cpp_heap;  // NOLINT: a program, not a library
  Options options;
  if (const auto status = arguments_for(options).read(argc, argv)) return *status;
  return snaphammer::workload::supervise("heap-corruption", [&options](std::atomic<unsigned>& checks_waiting) {
    HeapWork work(options, STDIN_FILENO, checks_waiting);
    return work.run() ? 0 : 1;
  });
}
