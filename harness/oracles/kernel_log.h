// Reads a guest kernel's log for what a healthy guest never prints.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace snaphammer::oracles {

/// The oracle that reads it.
inline constexpr const char* kKernelLog = "kernel-log";

/// One complaint of the guest's kernel.
struct KernelFault {
  std::string kind;     ///< What the line means: "kernel oops", "soft lockup" ...
  std::string line;     ///< The line itself.
  std::string excerpt;  ///< It and what follows: registers, stack; at most kExcerptLines lines.
};

inline constexpr std::size_t kExcerptLines = 40;

/// Whether a fault of that kind only says that something did not come to run for long.
bool is_stall(std::string_view kind);

/// All faults in `log`, in order. Lines inside another fault's excerpt are not reported again: an oops prints
/// several of the phrases looked for. The phrases are those of Debian's kernel 6.1 (lib/bug.c, arch/x86/mm/fault.c,
/// kernel/panic.c, kernel/watchdog.c, kernel/hung_task.c, kernel/rcu/tree_stall.h, lib/list_debug.c, mm/page_alloc.c).
std::vector<KernelFault> find_kernel_faults(std::string_view log);

}  // namespace snaphammer::oracles
