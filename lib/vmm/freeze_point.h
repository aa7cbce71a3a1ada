// A freeze point: the exact instruction at which the vCPUs of a VM stop; and where they stand then.
//
//   FreezePoint point{.address = 0xffffffff812e88a0, .hit = 100, .then_steps = 3};
//   CO_SNAP_ASSIGN(FreezeHit hit, co_await vm->freeze_at(point));         // the guest runs until it is there
//   CO_SNAP_ASSIGN(std::vector<VcpuState> vcpus, co_await vm->vcpus({}));   // of any VM that stands still
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace snaphammer::vmm {

/// Bytes of memory as a vCPU sees it.
struct MemoryBytes {
  std::uint64_t address = 0;
  std::string bytes;
};

struct FreezePoint {
  std::uint64_t address = 0;     ///< Virtual: where the instruction is.
  std::uint64_t hit = 1;         ///< Which time a vCPU is there, from 1; one that stands there already is the first.
  std::uint64_t then_steps = 0;  ///< Instructions that this vCPU, alone, executes after that. No interrupt comes in
                                 ///< between; each round of a repeated string instruction is one.
  /// A vCPU counts only when it sees these bytes: other processes have other code at the same address.
  std::vector<MemoryBytes> seen = {};
};

struct FreezeHit {
  unsigned vcpu = 0;            ///< Who came there, from 0.
  std::uint64_t hits = 0;       ///< How many were counted.
  std::uint64_t elsewhere = 0;  ///< How many were not, as they were in another process.
};

/// Where an x86-64 vCPU stands.
struct VcpuState {
  std::uint64_t rip = 0;  ///< Of the instruction that it executes next.
  std::uint32_t rflags = 0;
  std::array<std::uint64_t, 16> general{};  ///< rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8 ... r15.
  std::optional<std::size_t> sees;          ///< Which of the memories that were asked about it sees, the first.
  /// What stands on its stack and follows a call instruction, innermost first: its callers, and maybe left-overs of
  /// calls that have returned.
  std::vector<std::uint64_t> return_addresses;
};

}  // namespace snaphammer::vmm
