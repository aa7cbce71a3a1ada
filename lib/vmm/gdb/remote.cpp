#include "lib/vmm/gdb/remote.h"

#include <algorithm>
#include <utility>

#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

namespace snaphammer::vmm {
namespace {

constexpr unsigned kMaxStepAttempts = 8;  // An instruction that jumps to itself executes, and changes nothing.
constexpr unsigned kMaxAttempts = 4;      // Of a packet that arrives damaged. On a local socket none should.
constexpr unsigned kMaxVcpus = 1024;
constexpr std::size_t kDigitsOfRegister = 16;

Error strange(std::string_view request, std::string_view answer) {
  constexpr std::size_t kShown = 80;
  return Error(ErrorKind::kInvalid,
               fmt::format("GDB protocol: '{}' answered with '{}'", request, answer.substr(0, kShown)));
}

// "E14": the stub's way to refuse.
bool is_refusal(std::string_view answer) { return answer.size() == 3 && answer.front() == 'E'; }

// "T02thread:01;": what it says when the machine has stopped.
bool is_stop(std::string_view answer) { return answer.starts_with('T'); }

// Registers come in the byte order of the guest.
std::optional<std::uint64_t> little_endian(std::string_view digits) {
  const auto bytes = bytes_from_hex(digits);
  if (!bytes) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = bytes->size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>((*bytes)[i]);
  return value;
}

}  // namespace

GdbRemote::GdbRemote(const asio::any_io_executor& executor, UniqueFd socket)
    : socket_(executor, asio::local::stream_protocol(), socket.release()) {}

Async<void> GdbRemote::send(std::string bytes) {
  auto [error, length] = co_await asio::async_write(socket_, asio::buffer(bytes), as_result);
  if (error) co_return asio_error("GDB stub", error);
  co_return Result<void>();
}

Async<GdbInput> GdbRemote::receive() {
  while (true) {
    CO_SNAP_ASSIGN(std::optional<GdbInput> input, reader_.next());
    if (input) co_return *std::move(input);
    auto [error, length] = co_await socket_.async_read_some(asio::buffer(received_), as_result);
    if (error == asio::error::eof) co_return Error(ErrorKind::kGone, "GDB stub: the connection was closed");
    if (error) co_return asio_error("GDB stub", error);
    reader_.feed({received_.data(), length});
  }
}

Async<std::string> GdbRemote::ask(std::string payload) {
  CO_SNAP_TRY(co_await send(gdb_packet(payload)));
  co_return co_await answer_to(std::move(payload));
}

Async<std::string> GdbRemote::answer_to(std::string payload) {
  for (unsigned attempt = 0; attempt < kMaxAttempts;) {
    CO_SNAP_ASSIGN(GdbInput input, co_await receive());
    switch (input.kind) {
      case GdbInput::Kind::kAck:
        break;
      case GdbInput::Kind::kNack:
        ++attempt;
        CO_SNAP_TRY(co_await send(gdb_packet(payload)));
        break;
      case GdbInput::Kind::kDamaged:
        ++attempt;
        CO_SNAP_TRY(co_await send("-"));
        break;
      case GdbInput::Kind::kPacket:
        CO_SNAP_TRY(co_await send("+"));
        if (input.payload.empty()) {
          co_return Error(ErrorKind::kUnfit, "GDB stub: does not know the request '" + payload + "'");
        }
        if (is_refusal(input.payload)) {
          co_return Error(ErrorKind::kUnavailable,
                          fmt::format("GDB stub: '{}' refused with {}", payload, input.payload));
        }
        co_return std::move(input.payload);
    }
  }
  co_return Error(ErrorKind::kIo, fmt::format("GDB stub: '{}' was damaged {} times on its way", payload, kMaxAttempts));
}

Async<void> GdbRemote::command(std::string payload) {
  CO_SNAP_ASSIGN(std::string answer, co_await ask(payload));
  // A stub that stops a running machine because it was attached to says so first, if it was attached to before.
  if (is_stop(answer)) {
    CO_SNAP_ASSIGN(answer, co_await answer_to(payload));
  }
  if (answer != "OK") co_return strange(payload, answer);
  co_return Result<void>();
}

Async<std::vector<GdbThread>> GdbRemote::threads() {
  std::vector<GdbThread> threads;
  std::string request = "qfThreadInfo";
  while (threads.size() <= kMaxVcpus) {
    CO_SNAP_ASSIGN(const std::string answer, co_await ask(request));
    if (answer == "l") co_return threads;
    if (answer.front() != 'm') co_return strange(request, answer);
    for (std::size_t at = 1; at <= answer.size();) {
      const std::size_t end = std::min(answer.find(',', at), answer.size());
      const auto thread = number_from_hex(std::string_view(answer).substr(at, end - at));
      if (!thread) co_return strange(request, answer);
      threads.push_back(*thread);
      at = end + 1;
    }
    request = "qsThreadInfo";
  }
  co_return Error(ErrorKind::kInvalid, "GDB protocol: the stub's list of vCPUs does not end");
}

// 1: single-step at all. 2: without interrupts. 4: without timers.
Async<void> GdbRemote::mask_interrupts_in_steps() { return command("Qqemu.sstep=7"); }

Async<void> GdbRemote::set_breakpoint(std::uint64_t address) { return command(fmt::format("Z1,{:x},1", address)); }
Async<void> GdbRemote::clear_breakpoint(std::uint64_t address) { return command(fmt::format("z1,{:x},1", address)); }

Async<GdbThread> GdbRemote::resume() { return run("vCont;c"); }

// QEMU 7.2 may end a step before the instruction: it raises the debug exception, too, when it has looked at a request for
// an interrupt (cpu_handle_interrupt() in accel/tcg/cpu-exec.c). Beside a busy host that was one of a few hundred.
Async<void> GdbRemote::step(GdbThread thread) {
  CO_SNAP_ASSIGN(const GdbRegisters before, co_await registers(thread));
  for (unsigned attempt = 0; attempt < kMaxStepAttempts; ++attempt) {
    CO_SNAP_ASSIGN(const GdbThread stopped, co_await run(fmt::format("vCont;s:{:x}", thread)));
    if (stopped != thread) {
      co_return Error(ErrorKind::kInvalid,
                      fmt::format("GDB protocol: vCPU {} was to make a step, and {} has stopped", thread, stopped));
    }
    CO_SNAP_ASSIGN(const GdbRegisters after, co_await registers(thread));
    if (after != before) break;
  }
  co_return Result<void>();
}

// "T05thread:02;": signal 5 is a trap, that is, a breakpoint or the end of a step.
Async<GdbThread> GdbRemote::run(std::string payload) {
  selected_.reset();  // The stub selects the one that stops.
  constexpr std::string_view kTrap = "T05thread:";
  CO_SNAP_ASSIGN(const std::string answer, co_await ask(payload));
  const std::size_t end = answer.find(';');
  if (!answer.starts_with(kTrap) || end == std::string::npos) co_return strange(payload, answer);
  const auto thread = number_from_hex(std::string_view(answer).substr(kTrap.size(), end - kTrap.size()));
  if (!thread) co_return strange(payload, answer);
  co_return *thread;
}

Async<void> GdbRemote::select(GdbThread thread) {
  if (selected_ == thread) co_return Result<void>();
  CO_SNAP_TRY(co_await command(fmt::format("Hg{:x}", thread)));
  selected_ = thread;
  co_return Result<void>();
}

Async<GdbRegisters> GdbRemote::registers(GdbThread thread) {
  CO_SNAP_TRY(co_await select(thread));
  CO_SNAP_ASSIGN(const std::string answer, co_await ask("g"));
  GdbRegisters registers;
  constexpr std::size_t kEflagsAt = (registers.general.size() + 1) * kDigitsOfRegister;
  constexpr std::size_t kEflagsDigits = 8;
  if (answer.size() < kEflagsAt + kEflagsDigits) co_return strange("g", answer);
  const auto numbered = [&answer](std::size_t number) {
    return little_endian(std::string_view(answer).substr(number * kDigitsOfRegister, kDigitsOfRegister));
  };
  for (std::size_t i = 0; i < registers.general.size(); ++i) {
    const auto value = numbered(i);
    if (!value) co_return strange("g", answer);
    registers.general[i] = *value;
  }
  const auto rip = numbered(registers.general.size());
  const auto eflags = little_endian(std::string_view(answer).substr(kEflagsAt, kEflagsDigits));
  if (!rip || !eflags) co_return strange("g", answer);
  registers.rip = *rip;
  registers.eflags = static_cast<std::uint32_t>(*eflags);
  co_return registers;
}

Async<std::string> GdbRemote::memory(GdbThread thread, std::uint64_t address, std::size_t length) {
  CO_SNAP_TRY(co_await select(thread));
  const std::string request = fmt::format("m{:x},{:x}", address, std::min(length, kMaxMemory));
  CO_SNAP_ASSIGN(const std::string answer, co_await ask(request));
  auto bytes = bytes_from_hex(answer);
  if (!bytes || bytes->size() > length) co_return strange(request, answer);
  co_return *std::move(bytes);
}

// A running VM is stopped by the first byte that its stub gets, whatever it is; a stopped one ignores an interrupt.
void GdbRemote::detach_and_go_on() {
  const std::string bytes = "\x03" + gdb_packet("D");
  static_cast<void>(::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace snaphammer::vmm
