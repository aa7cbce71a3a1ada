// Real guests under real QEMU.
#include <fstream>
#include <optional>
#include <set>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/vmm/testing/test_machine.h"

namespace snaphammer::vmm {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

class QemuVmTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = TestMachine::unavailable(); !reason.empty()) {
      GTEST_SKIP() << "no guest image: " << reason;
    }
    machine_.emplace();
  }

  TestMachine& machine() { return *machine_; }

  template <class T>
  void expect_ok(const Result<T>& result) {
    EXPECT_TRUE(result) << result.error().describe();
  }

  // A guest that has just booted, without userfaultfd on its memory.
  std::unique_ptr<Vm> booted() {
    auto vm = machine().start();
    expect_ok(machine().run(vm->resume()));
    machine().expect_ticking_on();
    return vm;
  }

  // A guest that ticks: a copy of one that all tests share.
  std::unique_ptr<Vm> running() {
    auto vm = machine().start_from_base();
    expect_ok(machine().run(vm->resume()));
    machine().expect_ticking_on();
    return vm;
  }

  // Saves a guest that ticks, ends it, and returns its memory; the state is in "vmstate".
  std::string saved_memory() {
    auto vm = running();
    expect_ok(machine().run(vm->pause()));
    expect_ok(machine().run(vm->save_state(state())));
    return read_ram(vm->ram());
  }
  fs::path state() { return machine().path("vmstate"); }

 private:
  std::optional<TestMachine> machine_;
};

TEST_F(QemuVmTest, BootsWhenItIsResumedAndNotBefore) {
  auto vm = machine().start();
  expect_ok(machine().run(wait_for(200ms)));
  EXPECT_EQ(machine().console(), "");
  expect_ok(machine().run(vm->resume()));
  machine().expect_ticking_on();
}

TEST_F(QemuVmTest, StandsStillWhilePaused) {
  auto vm = running();
  expect_ok(machine().run(vm->pause()));
  const std::string before = read_ram(vm->ram());
  expect_ok(machine().run(wait_for(200ms)));
  EXPECT_TRUE(read_ram(vm->ram()) == before);
  expect_ok(machine().run(vm->resume()));
  machine().expect_ticking_on();
}

TEST_F(QemuVmTest, GoesOnAfterItsStateWasSaved) {
  auto vm = running();
  expect_ok(machine().run(vm->pause()));
  expect_ok(machine().run(vm->save_state(state())));
  expect_ok(machine().run(vm->resume()));
  machine().expect_ticking_on();
}

TEST_F(QemuVmTest, SavesAStateWithoutMemory) {
  auto vm = running();
  expect_ok(machine().run(vm->pause()));
  expect_ok(machine().run(vm->save_state(state())));
  EXPECT_GT(fs::file_size(state()), 10_KiB);
  EXPECT_LT(fs::file_size(state()), 4_MiB);
}

TEST_F(QemuVmTest, ARestoredGuestGoesOnWhereItStood) {
  const std::string memory = saved_memory();
  auto restored = machine().start_for_restore(memory);
  expect_ok(machine().run(restored->load(state())));
  expect_ok(machine().run(restored->resume()));
  machine().expect_ticking_on();
}

TEST_F(QemuVmTest, ALoadedGuestStandsStillUntilItIsResumed) {
  const std::string memory = saved_memory();
  const auto ticks = machine().ticks();
  auto restored = machine().start_for_restore(memory);
  expect_ok(machine().run(restored->load(state())));
  expect_ok(machine().run(wait_for(200ms)));
  EXPECT_EQ(machine().ticks(), ticks);
}

TEST_F(QemuVmTest, GoesThroughManyCycles) {
  std::string memory = saved_memory();
  for (int cycle = 0; cycle < 5; ++cycle) {
    auto vm = machine().start_for_restore(memory);
    expect_ok(machine().run(vm->load(state())));
    expect_ok(machine().run(vm->resume()));
    machine().expect_ticking_on();
    expect_ok(machine().run(vm->pause()));
    fs::remove(state());
    expect_ok(machine().run(vm->save_state(state())));
    memory = read_ram(vm->ram());
    ASSERT_FALSE(HasFailure()) << "in cycle " << cycle;
  }
}

TEST_F(QemuVmTest, DoesNotResumeBeforeItsStateIsLoaded) {
  auto vm = machine().start_for_restore("");
  const auto result = machine().run(vm->resume());
  EXPECT_EQ(result.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(QemuVmTest, DoesNotLoadIntoAMachineThatBoots) {
  auto vm = machine().start();
  std::ofstream(state()) << "anything";
  EXPECT_EQ(machine().run(vm->load(state())).error().kind(), ErrorKind::kUnavailable);
}

TEST_F(QemuVmTest, DoesNotOverwriteAState) {
  auto vm = machine().start();
  std::ofstream(state()) << "precious";
  const auto result = machine().run(vm->save_state(state()));
  EXPECT_THAT(result.error().message(), AllOf(HasSubstr("vmstate"), HasSubstr("File exists")));
  EXPECT_EQ(fs::file_size(state()), 8u);
}

TEST_F(QemuVmTest, ACorruptStateIsReportedAsOne) {
  const std::string memory = saved_memory();
  fs::resize_file(state(), fs::file_size(state()) / 2);
  auto restored = machine().start_for_restore(memory);
  const auto result = machine().run(restored->load(state()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(result.error().message(), AllOf(HasSubstr("load state from"), HasSubstr("exited with status 1")));
}

TEST_F(QemuVmTest, AKilledVmmFailsWhatIsUnderWayAndSaysHowItEnded) {
  auto vm = running();
  // Stopped, it answers nothing: the operation is certainly under way when the kill comes.
  expect_ok(vm->signal(SIGSTOP));
  asio::steady_timer timer(machine().context(), 50ms);
  timer.async_wait([&](auto) { expect_ok(vm->signal(SIGKILL)); });
  const auto paused = machine().run(vm->pause());
  EXPECT_EQ(paused.error().kind(), ErrorKind::kGone);
  EXPECT_EQ(paused.error().message(), "QEMU was killed by signal 9 (Killed)");
  const auto end = machine().run(vm->wait_ended());
  EXPECT_EQ(end->status.signal, SIGKILL);
}

TEST_F(QemuVmTest, EveryOperationOnADeadVmmSaysHowItEnded) {
  auto vm = machine().start();
  expect_ok(vm->signal(SIGKILL));
  expect_ok(machine().run(vm->wait_ended()));
  const std::string expected = "QEMU was killed by signal 9 (Killed)";
  EXPECT_THAT(machine().run(vm->resume()).error().message(), expected);
  EXPECT_THAT(machine().run(vm->pause()).error().message(), expected);
  EXPECT_THAT(machine().run(vm->set_balloon_target(128_MiB)).error().message(), expected);
  EXPECT_THAT(machine().run(vm->balloon_actual()).error().message(), expected);
  EXPECT_THAT(machine().run(vm->remove(0, kPageSize)).error().message(), HasSubstr(expected));
  EXPECT_THAT(machine().run(vm->save_state(state())).error().message(), HasSubstr(expected));
  EXPECT_FALSE(fs::exists(state()));
}

TEST_F(QemuVmTest, ASaveThatWasCutShortCanBeTriedAgain) {
  auto vm = running();
  for (int i = 0; i < 5; ++i) {
    expect_ok(machine().run(vm->pause()));
    expect_ok(vm->signal(SIGSTOP));
    const auto result = run_async(machine().context(), with_deadline(20ms, "save", vm->save_state(state())));
    EXPECT_EQ(result.error().kind(), ErrorKind::kTimeout);
    EXPECT_FALSE(fs::exists(state()));
    expect_ok(vm->signal(SIGCONT));
    expect_ok(machine().run(vm->save_state(state())));
    fs::remove(state());
    expect_ok(machine().run(vm->resume()));
  }
  machine().expect_ticking_on();
}

TEST_F(QemuVmTest, AGuestWhoseSaveWasCutShortGoesOn) {
  auto vm = running();
  for (int i = 0; i < 5; ++i) {
    expect_ok(machine().run(vm->pause()));
    const auto limit = i * 1ms;
    static_cast<void>(run_async(machine().context(), with_deadline(limit, "save", vm->save_state(state()))));
    fs::remove(state());
    expect_ok(machine().run(vm->resume()));
    machine().expect_ticking_on();
  }
}

TEST_F(QemuVmTest, AGuestsPanicIsReportedAsOne) {
  machine().config.kernel_args = {"init=/nonexistent", "rdinit=/nonexistent"};
  auto vm = machine().start();
  expect_ok(machine().run(vm->resume()));
  const auto end = machine().run(vm->wait_ended());
  ASSERT_TRUE(end);
  EXPECT_THAT(end->describe(), HasSubstr("exited with status 0: the guest reset itself: Kernel panic - not syncing"));
}

TEST_F(QemuVmTest, AnEarlyExitComesWithQemusOwnWords) {
  machine().config.memory = 256_MiB + 1;
  const auto vm = machine().try_start();
  ASSERT_FALSE(vm);
  EXPECT_EQ(vm.error().kind(), ErrorKind::kUnfit);
  EXPECT_THAT(vm.error().message(),
              AllOf(HasSubstr("start QEMU: QEMU exited with status 1: "), HasSubstr("qemu-system-x86_64: ")));
}

TEST_F(QemuVmTest, AMissingQemuComesWithTheCommandThatInstallsIt) {
  machine().options.program = "qemu-system-none";
  const auto vm = machine().try_start();
  EXPECT_EQ(vm.error().kind(), ErrorKind::kUnfit);
  EXPECT_THAT(vm.error().advice(), HasSubstr("apt-get install qemu-system-x86"));
}

TEST_F(QemuVmTest, AMissingInterposerIsNamed) {
  machine().options.interposer = "/nonexistent/interposer.so";
  EXPECT_THAT(machine().try_start().error().message(), HasSubstr("/nonexistent/interposer.so"));
}

// gdb opens the libraries of a process by the names that the process has for them.
TEST_F(QemuVmTest, ADebuggerFindsTheInterposerByItsName) {
  const auto vm = machine().start();
  std::ifstream file(fmt::format("/proc/{}/environ", vm->pid()), std::ios::binary);
  std::string name;
  for (std::string entry; std::getline(file, entry, '\0');) {
    if (entry.starts_with("LD_PRELOAD=")) name = entry.substr(entry.find('=') + 1);
  }
  ASSERT_NE(name, "");
  EXPECT_TRUE(fs::equivalent(name, machine().options.interposer)) << name << " from here, not from within QEMU";
}

TEST_F(QemuVmTest, AnInterposerWhosePathCannotBePreloadedIsPreloadedAllTheSame) {
  const fs::path odd = machine().placement.directory / "a b:c";
  fs::create_directory(odd);
  fs::copy_file(machine().options.interposer, odd / "interposer.so");
  machine().options.interposer = odd / "interposer.so";
  booted();
}

TEST_F(QemuVmTest, ADirectoryInWhichNothingCanBePreloadedIsNamed) {
  machine().placement.directory /= "a b";
  fs::create_directory(machine().placement.directory);
  const Error error = machine().try_start().error();
  EXPECT_THAT(error.describe(),
              AllOf(HasSubstr("a b: a VM's directory cannot have a blank"), HasSubstr("XDG_RUNTIME_DIR")));
  machine().placement.directory = machine().placement.directory.parent_path();
}

TEST_F(QemuVmTest, AMissingKernelIsNamed) {
  machine().config.kernel = "/nonexistent/vmlinuz";
  EXPECT_THAT(machine().try_start().error().message(),
              "read the guest's kernel /nonexistent/vmlinuz: No such file or directory");
}

TEST_F(QemuVmTest, AMissingPageServerEndsTheStart) {
  machine().placement.memory_handoff = machine().path("nobody.sock");
  const auto vm = machine().try_start();
  ASSERT_FALSE(vm);
  EXPECT_THAT(vm.error().message(), HasSubstr("nobody.sock"));
}

TEST_F(QemuVmTest, TheBalloonTakesAndReturnsMemory) {
  auto vm = booted();
  const auto reaches = [&](ByteCount target) -> Async<void> {
    while (true) {
      CO_SNAP_ASSIGN(const ByteCount actual, co_await vm->balloon_actual());
      if (actual == target) co_return Result<void>();
    }
  };
  expect_ok(machine().run(vm->set_balloon_target(128_MiB)));
  expect_ok(machine().run(reaches(128_MiB)));
  expect_ok(machine().run(vm->set_balloon_target(256_MiB)));
  expect_ok(machine().run(reaches(256_MiB)));
  machine().expect_ticking_on();
}

TEST_F(QemuVmTest, ARemovedRangeReadsAsZeros) {
  auto vm = booted();
  expect_ok(machine().run(vm->pause()));
  const std::string before = read_ram(vm->ram());
  const std::size_t page = before.find_first_not_of('\0', 64_MiB) / kPageSize * kPageSize;
  expect_ok(machine().run(vm->remove(page, kPageSize)));
  const std::string after = read_ram(vm->ram());
  EXPECT_TRUE(after.substr(page, kPageSize) == std::string(kPageSize, '\0'));
  EXPECT_TRUE(after.substr(0, page) == before.substr(0, page));
  EXPECT_TRUE(after.substr(page + kPageSize) == before.substr(page + kPageSize));
}

TEST_F(QemuVmTest, ARemovalThatNoPageServerReadsCanBeCutShort) {
  auto vm = machine().start_from_base();
  const auto result = run_async(machine().context(), with_deadline(50ms, "remove", vm->remove(0, kPageSize)));
  EXPECT_EQ(result.error().kind(), ErrorKind::kTimeout);
}

// A packet without payload (struct virtio_vsock_hdr).
struct Packet {
  std::uint64_t source_cid;
  std::uint64_t destination_cid;
  std::uint32_t source_port;
  std::uint32_t destination_port;
  std::uint32_t length;
  std::uint16_t type;
  std::uint16_t operation;
  std::uint32_t flags;
  std::uint32_t buffer;
  std::uint32_t forwarded;
} __attribute__((packed));
constexpr std::uint16_t kStream = 1;
constexpr std::uint16_t kRequest = 1;
constexpr std::uint16_t kResponse = 2;

// Asks for a connection to the port on which the ticking init listens, and returns the guest's answer.
Async<Packet> connect_to_guest(int packets) {
  const Packet request{.source_cid = 2,
                       .destination_cid = 3,
                       .source_port = 5000,
                       .destination_port = 1024,
                       .length = 0,
                       .type = kStream,
                       .operation = kRequest,
                       .flags = 0,
                       .buffer = 64 * 1024,
                       .forwarded = 0};
  static_assert(sizeof request == 44);
  if (::send(packets, &request, sizeof request, 0) != sizeof request) co_return errno_error("send");
  asio::posix::stream_descriptor socket(co_await asio::this_coro::executor, ::dup(packets));
  Packet answer{};
  while (answer.source_port != 1024) {
    auto [error] = co_await socket.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (error) co_return asio_error("wait", error);
    if (::recv(packets, &answer, sizeof answer, 0) <= 0) co_return errno_error("receive");
  }
  co_return answer;
}

TEST_F(QemuVmTest, VsockPacketsReachTheGuestAndComeBack) {
  auto vm = booted();
  const UniqueFd packets = vm->take_vsock_packets();
  const auto answer = machine().run(connect_to_guest(packets.get()));
  expect_ok(answer);
  EXPECT_EQ(answer->operation, kResponse);
  EXPECT_EQ(answer->destination_port, 5000u);
}

TEST_F(QemuVmTest, ARestoredGuestStillListensOnVsock) {
  auto vm = running();
  const UniqueFd packets = vm->take_vsock_packets();
  const auto answer = machine().run(connect_to_guest(packets.get()));
  expect_ok(answer);
  EXPECT_EQ(answer->operation, kResponse);
}

// Both indices are the second 16-bit word of their ring.
std::uint16_t ring_index(const Vm& vm, std::uint64_t ring) {
  std::uint16_t index = 0;
  const auto offset = vm.ram_offset(ring + sizeof index);
  EXPECT_TRUE(offset);
  EXPECT_EQ(::pread(vm.ram().fd, &index, sizeof index, static_cast<off_t>(offset.value_or(0))),
            static_cast<ssize_t>(sizeof index));
  return index;
}

TEST_F(QemuVmTest, TheVsockEventQueueIsWhereTheGuestHasPutItsBuffers) {
  auto vm = booted();
  const auto rings = machine().run(vm->vsock_event_queue());
  ASSERT_TRUE(rings) << rings.error().describe();
  // Linux's driver gives 8 buffers (net/vmw_vsock/virtio_transport.c); a guest that was never restored got no event.
  EXPECT_EQ(ring_index(*vm, rings->available), 8);
  EXPECT_EQ(ring_index(*vm, rings->used), 0);
}

TEST_F(QemuVmTest, AMachineWithoutADriverHasNoVsockEventQueueYet) {
  auto vm = machine().start();
  EXPECT_EQ(machine().run(vm->vsock_event_queue()).error().kind(), ErrorKind::kUnavailable);
}

TEST_F(QemuVmTest, RefusesToRemoveWhatIsNotARangeOfPages) {
  auto vm = machine().start();
  for (const auto& [offset, length] : std::vector<std::pair<ByteCount, ByteCount>>{
           {1, kPageSize}, {0, 1}, {0, 0}, {256_MiB, kPageSize}, {0, 256_MiB + kPageSize}, {kPageSize, ~0ULL << 12}}) {
    EXPECT_EQ(machine().run(vm->remove(offset, length)).error().kind(), ErrorKind::kInvalid) << offset << " " << length;
  }
}

TEST_F(QemuVmTest, LeavesNothingBehind) {
  pid_t pid = -1;
  {
    auto vm = running();
    pid = vm->pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1) << "QEMU is still there";
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(machine().placement.directory)) {
    files.insert(entry.path().filename());
  }
  EXPECT_THAT(files, testing::UnorderedElementsAre("console.log", "vmm.log"));
}

TEST_F(QemuVmTest, AStateFitsOnlyItsOwnKindOfMachine) {
  QemuBackend backend(machine().options);
  VmConfig other = machine().config;
  const std::string compatibility = backend.state_compatibility(machine().config).value();
  EXPECT_EQ(backend.state_compatibility(other).value(), compatibility);
  other.vcpus = 1;
  EXPECT_NE(backend.state_compatibility(other).value(), compatibility);
}

}  // namespace
}  // namespace snaphammer::vmm
