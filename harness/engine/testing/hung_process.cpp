// A process to look at: hung_process calm|discard. It says "hung" once all its threads are where they stay, and ends with
// 0 after its standard input has.
//
// calm: one thread, which reads. discard: another one gives memory back to the kernel, which waits for a page-fault handler
// that never reads, and takes no signal meanwhile.
#include <iostream>
#include <optional>
#include <string_view>

#include "lib/uffd/testing/fake_vmm.h"

int main(int argc, char** argv) {
  using namespace snaphammer;
  std::optional<uffd::FakeVmm> vmm;
  if (argc == 2 && argv[1] == std::string_view("discard")) {
    vmm.emplace(uffd::MemoryKind{.shared = true}, std::vector<ByteCount>{64_KiB});
    vmm->start_remove(0, kPageSize);
    if (!vmm->await_remove_raised()) return 1;
  }
  std::cout << "hung" << std::endl;
  std::cin.ignore();
  return 0;
}
