// The names of a guest's functions: its kernel's, and its workloads'.
//
//   CO_SNAP_TRY(co_await symbols.learn_kernel(sandbox));            // both while the guest is healthy
//   CO_SNAP_TRY(co_await symbols.learn_process(sandbox, "heap"));
//   SNAP_ASSIGN(vmm::FreezePoint point, symbols.locate("malloc", "heap"));
//   symbols.describe(address, {});                                    // "__alloc_pages+0x3", also while it stands still
//
// The kernel's are read in the guest, once for each boot of one: all runs from one base snapshot share them, in a cache. A
// workload's are in the file beside the guest image, as the image's own has none. Belongs to the run's thread.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/async.h"
#include "lib/sandbox/sandbox.h"
#include "lib/symbols/elf_file.h"
#include "lib/symbols/symbol_table.h"
#include "lib/vmm/freeze_point.h"

namespace snaphammer::engine {

/// What stands for the kernel where a workload could be named.
inline constexpr const char* kKernel = "kernel";

class GuestSymbols {
 public:
  /// `programs`: the directory of the workloads' files; `cache`: of what was read from kernels, made when it is needed.
  GuestSymbols(std::filesystem::path programs, std::filesystem::path cache)
      : programs_(std::move(programs)), cache_(std::move(cache)) {}

  Async<void> learn_kernel(sandbox::Sandbox& sandbox);
  /// The same without the guest, if it was learnt before of the boot of that id: also of a guest that hangs. kUnavailable.
  Result<void> recall_kernel(const std::string& boot);
  /// The process of the workload that was started as `as`.
  Async<void> learn_process(sandbox::Sandbox& sandbox, std::string as);

  /// Where `symbol` of kKernel, or of a workload, is, and how to know its process. Only of what was learnt before.
  Result<vmm::FreezePoint> locate(const std::string& symbol, const std::string& in) const;
  /// What tells the processes that were learnt from each other and from all others.
  std::vector<vmm::MemoryBytes> identities() const;
  /// "name+0x3", or the address as a number where no name is known. `process`: which of identities() is seen there.
  std::string describe(std::uint64_t address, std::optional<std::size_t> process) const;

 private:
  struct Process {
    symbols::ElfFile program;
    std::uint64_t moved;        ///< From the addresses of its file to those of the process.
    vmm::MemoryBytes identity;  ///< Random bytes that its kernel gave to this process only (AT_RANDOM).
  };

  std::filesystem::path programs_;
  std::filesystem::path cache_;
  std::string boot_;  // Of the kernel that is known.
  symbols::SymbolTable kernel_;
  std::map<std::string, Process> processes_;
};

}  // namespace snaphammer::engine
