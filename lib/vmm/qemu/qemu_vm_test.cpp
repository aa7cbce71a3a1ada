// Real guests under real QEMU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "lib/vmm/testing/test_machine.h"

namespace snaphammer::vmm {
namespace {

using testing::HasSubstr;

class QemuVmTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (const std::string reason = TestMachine::unavailable(); !reason.empty()) {
      GTEST_SKIP() << "no guest image: " << reason;
    }
  }
  void SetUp() override {
    if (!TestMachine::unavailable().empty()) GTEST_SKIP();
  }
};

TEST_F(QemuVmTest, BootsPausesAndGoesOn) {
  TestMachine machine;
  auto vm = machine.start();
  EXPECT_EQ(machine.console(), "") << "vCPUs must stand still until resume()";
  ASSERT_TRUE(machine.run(vm->resume()));
  machine.expect_ticking_on();

  ASSERT_TRUE(machine.run(vm->pause()));
  const auto at_pause = machine.ticks();
  ASSERT_TRUE(machine.run(wait_for(std::chrono::milliseconds(200))));
  EXPECT_EQ(machine.ticks(), at_pause);

  ASSERT_TRUE(machine.run(vm->resume()));
  machine.expect_ticking_on();
}

TEST_F(QemuVmTest, ARestoredGuestGoesOnWhereItStood) {
  TestMachine machine;
  auto source = machine.start();
  ASSERT_TRUE(machine.run(source->resume()));
  machine.expect_ticking_on();
  ASSERT_TRUE(machine.run(source->pause()));
  ASSERT_TRUE(machine.run(source->save_state(machine.path("vmstate"))));
  const std::string ram = read_ram(source->ram());
  source.reset();

  const auto begin = SteadyClock::now();
  auto restored = machine.start_for_restore(ram);
  const auto started = SteadyClock::now();
  auto loaded = machine.run(restored->load(machine.path("vmstate")));
  const auto end = SteadyClock::now();
  fprintf(stderr, "start %f load %f\n", to_ms(started - begin), to_ms(end - started));
  ASSERT_TRUE(loaded) << loaded.error().message();
  ASSERT_TRUE(machine.run(restored->resume()));
  machine.expect_ticking_on();
}

}  // namespace
}  // namespace snaphammer::vmm
