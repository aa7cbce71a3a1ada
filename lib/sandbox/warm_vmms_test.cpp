#include "lib/sandbox/warm_vmms.h"

#include <filesystem>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::sandbox {
namespace {

/// A VMM as far as one that waits is concerned: it can be killed, and its end awaited.
class WaitingVm final : public vmm::Vm {
 public:
  WaitingVm(const asio::any_io_executor& executor, int& alive) : alive_(alive), killed_(executor) { ++alive_; }
  ~WaitingVm() override { EXPECT_TRUE(killed_.is_set()) << "destroyed alive"; }

  Result<void> signal(int number) override {
    if (killed_.is_set()) return Error(ErrorKind::kGone, "it has ended");
    if (number == SIGKILL) {
      --alive_;
      killed_.set();
    }
    return {};
  }
  Async<vmm::VmEnd> wait_ended() override {
    CO_SNAP_TRY(co_await killed_.wait());
    co_return vmm::VmEnd{};
  }

  Async<void> resume() override { return unasked(); }
  Async<void> pause() override { return unasked(); }
  Async<void> save_state(std::filesystem::path) override { return unasked(); }
  Async<void> load(std::filesystem::path) override { return unasked(); }
  Async<void> set_balloon_target(ByteCount) override { return unasked(); }
  Async<ByteCount> balloon_actual() override { co_return Error(ErrorKind::kInternal, "unasked"); }
  Async<void> remove(ByteCount, ByteCount) override { return unasked(); }
  vmm::GuestRam ram() const override { return {}; }
  std::optional<ByteCount> ram_offset(std::uint64_t) const override { return std::nullopt; }
  std::pair<std::string, std::string> accel() const override { return {}; }
  pid_t pid() const override { return 0; }
  UniqueFd take_vsock_packets() override { return {}; }
  Async<vmm::VirtQueueRings> vsock_event_queue() override { co_return Error(ErrorKind::kInternal, "unasked"); }
  Async<vmm::FreezeHit> freeze_at(vmm::FreezePoint) override { co_return Error(ErrorKind::kInternal, "unasked"); }
  Async<std::vector<vmm::VcpuState>> vcpus(std::vector<vmm::MemoryBytes>) override {
    co_return Error(ErrorKind::kInternal, "unasked");
  }
  Async<std::vector<vmm::VcpuGlance>> glance() override { co_return Error(ErrorKind::kInternal, "unasked"); }

 private:
  static Async<void> unasked() { return completed(Result<void>(Error(ErrorKind::kInternal, "unasked"))); }

  int& alive_;
  Event killed_;
};

class CountingBackend final : public vmm::Backend {
 public:
  std::string_view name() const override { return "counting"; }
  std::set<vmm::Capability> capabilities() const override { return {}; }
  Result<std::string> state_compatibility(const vmm::VmConfig&) override { return std::string(); }
  std::string kernel_command_line(const vmm::VmConfig&) const override { return {}; }
  Async<std::unique_ptr<vmm::Vm>> start(vmm::VmConfig, vmm::VmPlacement placement) override {
    CO_SNAP_TRY(co_await may_start.wait());
    ++started;
    EXPECT_TRUE(std::filesystem::is_socket(placement.memory_handoff.value())) << "nobody listens for its hand-off";
    if (refuse) co_return Error(ErrorKind::kUnfit, "no VMM here");
    auto vm = std::make_unique<WaitingVm>(co_await asio::this_coro::executor, alive);
    latest = vm.get();
    co_return vm;
  }

  asio::io_context context;
  Event may_start{context.get_executor()};
  int started = 0;
  int alive = 0;
  bool refuse = false;
  WaitingVm* latest = nullptr;
};

class WarmVmmsTest : public testing::Test {
 protected:
  WarmVmmsTest() { backend.may_start.set(); }

  WarmVmms warm(unsigned count) {
    return WarmVmms(backend.context.get_executor(), backend, {}, {.sockets = directory, .logs = directory}, count);
  }
  void run() {
    backend.context.restart();
    backend.context.run();
  }
  void end(WarmVmms& vmms) {
    const auto ending = [&]() -> Async<void> {
      co_await vmms.end();
      co_return Result<void>();
    };
    EXPECT_TRUE(run_async(backend.context, ending()).has_value());
    EXPECT_EQ(backend.alive, 0);
    EXPECT_TRUE(std::filesystem::is_empty(directory)) << "a socket was left behind";
  }

  CountingBackend backend;
  TemporaryDirectory directory;
};

TEST_F(WarmVmmsTest, HasWhatItIsToldToAndNoMore) {
  WarmVmms vmms = warm(2);
  EXPECT_FALSE(vmms.take().has_value());
  vmms.refill();
  vmms.refill();
  run();
  vmms.refill();
  run();
  EXPECT_EQ(backend.alive, 2);
  end(vmms);
}

TEST_F(WarmVmmsTest, StartsAnotherForOneThatWasTaken) {
  WarmVmms vmms = warm(1);
  vmms.refill();
  run();
  {
    const std::optional<WarmVmm> taken = vmms.take();
    ASSERT_TRUE(taken.has_value());
    EXPECT_FALSE(vmms.take().has_value());
    vmms.refill();
    run();
    EXPECT_EQ(backend.alive, 2);
    ASSERT_TRUE(taken->vm->signal(SIGKILL).has_value());
  }
  end(vmms);
  EXPECT_EQ(backend.started, 2);
}

TEST_F(WarmVmmsTest, DoesNotHandOutOneThatHasEnded) {
  WarmVmms vmms = warm(1);
  vmms.refill();
  run();
  ASSERT_TRUE(backend.latest->signal(SIGKILL).has_value());
  EXPECT_FALSE(vmms.take().has_value());
  end(vmms);
}

TEST_F(WarmVmmsTest, EndsOneThatIsStillStarting) {
  backend.may_start.reset();
  WarmVmms vmms = warm(1);
  vmms.refill();
  asio::post(backend.context, [this] { backend.may_start.set(); });
  end(vmms);
  EXPECT_EQ(backend.started, 1);
  EXPECT_FALSE(vmms.take().has_value());
}

TEST_F(WarmVmmsTest, GoesOnWithoutWhenNoneCanBeStarted) {
  backend.refuse = true;
  WarmVmms vmms = warm(1);
  vmms.refill();
  run();
  EXPECT_FALSE(vmms.take().has_value());
  end(vmms);
}

}  // namespace
}  // namespace snaphammer::sandbox
