#include "harness/engine/guest_symbols.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <elf.h>
#include <fmt/format.h>

#include "harness/engine/atomic_file.h"
#include "lib/symbols/kernel_symbols.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

constexpr Duration kReadDeadline = std::chrono::seconds(60);
constexpr std::size_t kCodeCompared = 16;
constexpr std::size_t kRandomBytes = 16;  // That AT_RANDOM points to.
constexpr std::ptrdiff_t kCachedKernels = 32;

// What a command in the guest writes.
Async<std::string> output_of(sandbox::Sandbox& sandbox, std::vector<std::string> command) {
  const std::string what = fmt::format("'{}' in the guest", fmt::join(command, " "));
  agent::ExecRequest request;
  request.command = std::move(command);
  request.timeout = kReadDeadline;
  auto done = co_await sandbox.exec(std::move(request));
  if (!done) co_return std::move(done).error().in(what);
  if (!done->success() || done->dropped_bytes != 0) {
    co_return Error(ErrorKind::kUnfit, fmt::format("{}: {}; {}{}", what, done->end.describe(), done->error_output,
                                                   done->dropped_bytes != 0 ? "more than can be taken" : ""));
  }
  co_return std::move(done->output);
}

// Memory of a process, of the length asked for.
Async<std::string> process_memory(sandbox::Sandbox& sandbox, std::int64_t pid, std::uint64_t address,
                                  std::size_t length) {
  const std::string file = fmt::format("if=/proc/{}/mem", pid);
  std::vector<std::string> command = {"dd", file, "bs=1", fmt::format("skip={}", address),
                                      fmt::format("count={}", length)};
  CO_SNAP_ASSIGN(std::string bytes, co_await output_of(sandbox, std::move(command)));
  if (bytes.size() != length) co_return Error(ErrorKind::kInvalid, file + ": less than was asked for");
  co_return bytes;
}

// The value of `type` in a process's auxiliary vector, pairs of 64-bit numbers.
Result<std::uint64_t> auxiliary_value(const std::string& vector, std::uint64_t type) {
  for (std::size_t at = 0; at + 2 * sizeof(std::uint64_t) <= vector.size(); at += 2 * sizeof(std::uint64_t)) {
    std::uint64_t pair[2];
    std::memcpy(pair, vector.data() + at, sizeof pair);
    if (pair[0] == type) return pair[1];
  }
  return Error(ErrorKind::kInvalid, fmt::format("auxiliary vector of a process: no entry of type {}", type));
}

// A boot's id names a file here; it comes from the guest.
bool is_plain(const std::string& id) {
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-'; };
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), plain);
}

// Kernels of base snapshots that are no more stay until there are too many.
Result<void> keep(const fs::path& directory, const std::string& boot, const std::string& text) {
  std::error_code failure;
  fs::create_directories(directory, failure);
  const auto kept = std::distance(fs::directory_iterator(directory, failure), fs::directory_iterator());
  if (!failure && kept >= kCachedKernels) {
    for (const auto& entry : fs::directory_iterator(directory, failure)) fs::remove(entry.path(), failure);
  }
  return write_atomically(directory / boot, text);
}

}  // namespace

Async<void> GuestSymbols::learn_kernel(sandbox::Sandbox& sandbox) {
  CO_SNAP_ASSIGN(const agent::HealthReport health, co_await sandbox.health());
  if (health.boot_id == boot_) co_return Result<void>();
  const bool cacheable = is_plain(health.boot_id);
  Result<std::string> text = Error(ErrorKind::kUnavailable, "not cached");
  if (cacheable) text = read_file(cache_ / health.boot_id);
  if (!text) {
    // Root sees addresses unless the kernel was told to hide them from everyone.
    const std::string script = "echo 0 >/proc/sys/kernel/kptr_restrict; exec grep ' [tTwW] ' /proc/kallsyms";
    std::vector<std::string> command = {"sh", "-c", script};
    text = co_await output_of(sandbox, std::move(command));
    if (!text) co_return text.error().in("the kernel's symbols");
    if (cacheable) CO_SNAP_TRY(keep(cache_, health.boot_id, *text));
  }
  CO_SNAP_ASSIGN(kernel_, symbols::read_kallsyms(*text));
  boot_ = health.boot_id;
  co_return Result<void>();
}

Result<void> GuestSymbols::recall_kernel(const std::string& boot) {
  if (!boot.empty() && boot == boot_) return {};
  if (!is_plain(boot)) return Error(ErrorKind::kUnavailable, "the guest's kernel is not known");
  const auto text = read_file(cache_ / boot);
  if (!text) return Error(ErrorKind::kUnavailable, "the symbols of the guest's kernel were never read");
  SNAP_ASSIGN(kernel_, symbols::read_kallsyms(*text));
  boot_ = boot;
  return {};
}

Async<void> GuestSymbols::learn_process(sandbox::Sandbox& sandbox, std::string as) {
  sandbox::Incarnation& guest = *sandbox.incarnation();
  CO_SNAP_ASSIGN(const std::vector<agent::WorkloadInfo> all, co_await guest.unless_failed(guest.client().workloads()));
  const auto found = std::find_if(all.begin(), all.end(), [&as](const auto& one) { return one.as == as; });
  if (found == all.end() || found->end.ended()) {
    co_return Error(ErrorKind::kUnavailable, "workload " + as + " does not run").advise("start it before");
  }
  const fs::path file = programs_ / found->workload;
  auto bytes = read_file(file);
  if (!bytes) {
    co_return std::move(bytes)
        .error()
        .in("symbols of workload " + found->workload)
        .as(ErrorKind::kUnfit)
        .advise("the program with its symbols has to be beside the guest image, in symbols/");
  }
  auto program = symbols::ElfFile::read(*std::move(bytes));
  if (!program) co_return std::move(program).error().in(file.string());

  std::vector<std::string> command = {"cat", fmt::format("/proc/{}/auxv", found->pid)};
  CO_SNAP_ASSIGN(const std::string vector, co_await output_of(sandbox, std::move(command)));
  CO_SNAP_ASSIGN(const std::uint64_t entry, auxiliary_value(vector, AT_ENTRY));
  CO_SNAP_ASSIGN(const std::uint64_t random, auxiliary_value(vector, AT_RANDOM));
  CO_SNAP_ASSIGN(const std::string code, co_await process_memory(sandbox, found->pid, entry, kCodeCompared));
  if (code != program->contents(program->entry(), kCodeCompared)) {
    co_return Error(ErrorKind::kUnfit, file.string() + " is another build than the guest's workload " + as);
  }
  CO_SNAP_ASSIGN(std::string identity, co_await process_memory(sandbox, found->pid, random, kRandomBytes));
  const std::uint64_t moved = entry - program->entry();
  processes_.insert_or_assign(std::move(as), Process{.program = *std::move(program),
                                                     .moved = moved,
                                                     .identity = {.address = random, .bytes = std::move(identity)}});
  co_return Result<void>();
}

Result<vmm::FreezePoint> GuestSymbols::locate(const std::string& symbol, const std::string& in) const {
  if (in == kKernel) {
    auto found = kernel_.find(symbol);
    if (!found) return std::move(found).error().in("the guest's kernel");
    return vmm::FreezePoint{.address = found->address};
  }
  const auto process = processes_.find(in);
  if (process == processes_.end()) return Error(ErrorKind::kInternal, "process of " + in + " was not learnt");
  auto found = process->second.program.symbols().find(symbol);
  if (!found) return std::move(found).error().in("workload " + in);
  return vmm::FreezePoint{.address = found->address + process->second.moved, .seen = {process->second.identity}};
}

std::vector<vmm::MemoryBytes> GuestSymbols::identities() const {
  std::vector<vmm::MemoryBytes> all;
  for (const auto& [as, process] : processes_) all.push_back(process.identity);
  return all;
}

std::string GuestSymbols::describe(std::uint64_t address, std::optional<std::size_t> process) const {
  if (process && *process < processes_.size()) {
    const Process& in = std::next(processes_.begin(), static_cast<std::ptrdiff_t>(*process))->second;
    const symbols::SymbolTable& program = in.program.symbols();
    if (program.at(address - in.moved) != nullptr) return program.describe(address - in.moved);
  }
  return kernel_.describe(address);
}

}  // namespace snaphammer::engine
