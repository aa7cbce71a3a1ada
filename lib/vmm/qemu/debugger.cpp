#include "lib/vmm/qemu/debugger.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

namespace snaphammer::vmm {
namespace {

constexpr std::size_t kStackSearched = 4096;
constexpr std::size_t kMaxReturnAddresses = 32;
constexpr std::uint64_t kFirstMapped = 0x1000;
constexpr std::uint64_t kEndOfUser = 0x0000800000000000;
constexpr std::uint64_t kKernelText = 0xffffffff80000000;  // The kernel's own text, and its modules.

bool may_be_code(std::uint64_t address) {
  return (address >= kFirstMapped && address < kEndOfUser) || address >= kKernelText;
}

// Whether the last bytes of `before` are a call: relative (E8), or indirect (FF /2) with its operand in a register or in
// memory (Intel SDM, volume 2A, CALL).
constexpr std::size_t kLongestCall = 7;
bool ends_in_call(std::string_view before) {
  const auto byte = [before](std::size_t from_end) {
    return static_cast<unsigned char>(before[before.size() - from_end]);
  };
  constexpr unsigned char kRelative = 0xe8;
  constexpr unsigned char kIndirect = 0xff;
  if (before.size() < kLongestCall) return false;
  if (byte(5) == kRelative) return true;
  for (const std::size_t length : {2U, 3U, 4U, 6U, 7U}) {
    constexpr unsigned char kOperation = 0x38;
    constexpr unsigned char kCall = 0x10;
    if (byte(length) == kIndirect && (byte(length - 1) & kOperation) == kCall) return true;
  }
  return false;
}

}  // namespace

Async<std::unique_ptr<QemuDebugger>> QemuDebugger::attach(QmpClient& qmp, std::string name, Abandoned abandoned) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) co_return errno_error("socketpair");
  const UniqueFd theirs(ends[1]);
  std::unique_ptr<QemuDebugger> debugger(
      new QemuDebugger(co_await asio::this_coro::executor, qmp, UniqueFd(ends[0]), abandoned));
  const Json address = {{"type", "fd"}, {"data", {{"str", name}}}};
  const Json socket = {{"type", "socket"}, {"data", {{"addr", address}, {"server", false}}}};
  // All three are on their way before the first is waited for: whoever cancels this finds a stub to detach from.
  CO_SNAP_ASSIGN(QmpReply passed, qmp.post("getfd", {{"fdname", name}}, theirs.get()));
  CO_SNAP_ASSIGN(QmpReply added, qmp.post("chardev-add", {{"id", name}, {"backend", socket}}));
  CO_SNAP_ASSIGN(QmpReply started, qmp.post("human-monitor-command", {{"command-line", "gdbserver chardev:" + name}}));
  CO_SNAP_TRY(co_await passed.result());
  CO_SNAP_TRY(co_await added.result());
  CO_SNAP_TRY(co_await started.result());
  const Result<void> masked = co_await debugger->remote_.mask_interrupts_in_steps();
  if (!masked) co_return masked.error().in("attach to QEMU's GDB stub");
  co_return debugger;
}

QemuDebugger::~QemuDebugger() {
  if (!left_ && abandoned_ == Abandoned::kGoesOn) remote_.detach_and_go_on();
}

Async<FreezeHit> QemuDebugger::run_to(FreezePoint point) {
  FreezeHit result;
  CO_SNAP_TRY(co_await remote_.set_breakpoint(point.address));
  GdbThread vcpu = 0;
  while (true) {
    CO_SNAP_ASSIGN(vcpu, co_await remote_.resume());
    CO_SNAP_ASSIGN(const bool counts, co_await sees(vcpu, point.seen));
    ++(counts ? result.hits : result.elsewhere);
    if (result.hits == point.hit) break;
    // It would be there again at once. Another vCPU that is there too is next.
    CO_SNAP_TRY(co_await remote_.step(vcpu));
  }
  CO_SNAP_TRY(co_await remote_.clear_breakpoint(point.address));
  for (std::uint64_t step = 0; step < point.then_steps; ++step) CO_SNAP_TRY(co_await remote_.step(vcpu));
  result.vcpu = static_cast<unsigned>(vcpu - 1);
  co_return result;
}

Async<bool> QemuDebugger::sees(GdbThread vcpu, std::vector<MemoryBytes> expected) {
  for (const MemoryBytes& memory : expected) {
    const auto read = co_await remote_.memory(vcpu, memory.address, memory.bytes.size());
    if (!read && read.error().kind() != ErrorKind::kUnavailable) co_return read.error();
    if (!read || *read != memory.bytes) co_return false;
  }
  co_return true;
}

Async<bool> QemuDebugger::follows_a_call(GdbThread vcpu, std::uint64_t address) {
  if (!may_be_code(address)) co_return false;
  const auto before = co_await remote_.memory(vcpu, address - kLongestCall, kLongestCall);
  if (!before && before.error().kind() != ErrorKind::kUnavailable) co_return before.error();
  co_return before&& ends_in_call(*before);
}

Async<std::vector<std::uint64_t>> QemuDebugger::return_addresses(GdbThread vcpu, std::uint64_t stack) {
  std::vector<std::uint64_t> found;
  std::string words;
  // In pieces that cross no page: where nothing is mapped, the stack has ended.
  while (words.size() < kStackSearched) {
    const std::uint64_t address = stack + words.size();
    const auto piece = co_await remote_.memory(vcpu, address, GdbRemote::kMaxMemory - address % GdbRemote::kMaxMemory);
    if (!piece && piece.error().kind() != ErrorKind::kUnavailable) co_return piece.error();
    if (!piece || piece->empty()) break;
    words += *piece;
  }
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= words.size() && found.size() < kMaxReturnAddresses;
       at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, words.data() + at, sizeof word);
    CO_SNAP_ASSIGN(const bool returns_there, co_await follows_a_call(vcpu, word));
    if (returns_there) found.push_back(word);
  }
  co_return found;
}

Async<std::vector<VcpuState>> QemuDebugger::vcpus(std::vector<MemoryBytes> memories) {
  std::vector<VcpuState> states;
  CO_SNAP_ASSIGN(const std::vector<GdbThread> threads, co_await remote_.threads());
  for (const GdbThread thread : threads) {
    CO_SNAP_ASSIGN(const GdbRegisters registers, co_await remote_.registers(thread));
    CO_SNAP_ASSIGN(std::vector<std::uint64_t> callers, co_await return_addresses(thread, registers.rsp()));
    std::optional<std::size_t> seen;
    for (std::size_t i = 0; i < memories.size() && !seen; ++i) {
      std::vector<MemoryBytes> one = {memories[i]};
      CO_SNAP_ASSIGN(const bool this_one, co_await sees(thread, std::move(one)));
      if (this_one) seen = i;
    }
    states.push_back({.rip = registers.rip,
                      .rflags = registers.eflags,
                      .general = registers.general,
                      .sees = seen,
                      .return_addresses = std::move(callers)});
  }
  co_return states;
}

Async<void> QemuDebugger::leave() {
  left_ = true;  // Its breakpoints are gone, or there were none.
  Json none = {{"command-line", "gdbserver none"}};
  CO_SNAP_TRY(co_await qmp_.execute("human-monitor-command", std::move(none)));
  co_return Result<void>();
}

}  // namespace snaphammer::vmm
