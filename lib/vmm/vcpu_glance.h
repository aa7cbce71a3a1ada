// VcpuGlance: where a vCPU is while its machine goes on, or hangs: seen without stopping it.
//
//   CO_SNAP_ASSIGN(std::vector<VcpuGlance> vcpus, co_await vm->glance());     // in order
//
// A machine with a hung vCPU cannot be stopped, so vcpus() (vm.h), which is exact, would wait for ever.
#pragma once

#include <cstdint>
#include <string>

namespace snaphammer::vmm {

struct VcpuGlance {
  unsigned vcpu = 0;
  /// Of the instruction that it executes, or, where it is emulated, of one that it began shortly before.
  std::uint64_t rip = 0;
  bool halted = false;    ///< Waits for an interrupt.
  std::string registers;  ///< All of them but those of the FPU, for people.
};

}  // namespace snaphammer::vmm
