// A client of a GDB stub, such as QEMU's: stops, steps and looks at vCPUs over GDB's remote serial protocol.
//
//   GdbRemote gdb(executor, std::move(socket));
//   CO_SNAP_TRY(co_await gdb.mask_interrupts_in_steps());
//   CO_SNAP_TRY(co_await gdb.set_breakpoint(0xffffffff812e88a0));
//   CO_SNAP_ASSIGN(GdbThread hit, co_await gdb.resume());           // until a vCPU is there
//   CO_SNAP_TRY(co_await gdb.step(hit));                            // that vCPU alone, one instruction
//   CO_SNAP_ASSIGN(GdbRegisters registers, co_await gdb.registers(hit));
//
// One request at a time, on one io_context thread. A request that was cancelled leaves the conversation in its
// middle: after that, and after any error but kUnavailable (the stub's own refusal), only detach_and_go_on() and the
// destructor are right. kGone: the stub's process ended. kInvalid: what came is no GDB protocol.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "lib/base/async.h"
#include "lib/base/unique_fd.h"
#include "lib/vmm/gdb/packet.h"

namespace snaphammer::vmm {

/// What the stub calls a vCPU: QEMU counts from 1.
using GdbThread = std::uint64_t;

/// Of an x86-64 vCPU, in the order in which GDB numbers them: rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8 ... r15.
struct GdbRegisters {
  std::array<std::uint64_t, 16> general{};
  std::uint64_t rip = 0;
  std::uint32_t eflags = 0;

  std::uint64_t rsp() const { return general[7]; }
  bool operator==(const GdbRegisters&) const = default;
};

class GdbRemote {
 public:
  /// Takes over a connected stream socket.
  GdbRemote(const asio::any_io_executor& executor, UniqueFd socket);

  /// Every vCPU, in order.
  Async<std::vector<GdbThread>> threads();
  /// From now on a step delivers no interrupt and lets no timer pass (QEMU's sstep bits).
  Async<void> mask_interrupts_in_steps();
  /// A hardware breakpoint: no byte of the guest's memory is changed.
  Async<void> set_breakpoint(std::uint64_t address);
  Async<void> clear_breakpoint(std::uint64_t address);
  /// Lets all vCPUs run until one is at a breakpoint, and returns which. All stand still then.
  Async<GdbThread> resume();
  /// One instruction of one vCPU; the others stand still. It passes over a breakpoint where it stands. A step that the stub
  /// ends before the instruction is made again.
  Async<void> step(GdbThread thread);
  Async<GdbRegisters> registers(GdbThread thread);
  /// Memory as that vCPU sees it now, at most kMaxMemory bytes; kUnavailable where nothing is mapped.
  Async<std::string> memory(GdbThread thread, std::uint64_t address, std::size_t length);
  static constexpr std::size_t kMaxMemory = 1024;

  /// Has the stub remove every breakpoint and let all vCPUs run, whatever it is doing. Waits for nothing, and ends the
  /// connection.
  void detach_and_go_on();

 private:
  Async<std::string> ask(std::string payload);
  Async<std::string> answer_to(std::string payload);
  /// ask(), and the answer must be OK.
  Async<void> command(std::string payload);
  Async<GdbThread> run(std::string payload);
  Async<void> select(GdbThread thread);
  Async<void> send(std::string bytes);
  Async<GdbInput> receive();

  asio::local::stream_protocol::socket socket_;
  GdbPacketReader reader_;
  std::array<char, 4096> received_{};
  std::optional<GdbThread> selected_;  // What requests for registers and memory are about.
};

}  // namespace snaphammer::vmm
