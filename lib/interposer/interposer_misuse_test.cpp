// Workers that misuse the library. Each misuse ends the program, before it has done anything that
// matters, with a line that says why.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "lib/interposer/testing/interposer_fixture.h"

namespace snaphammer::interposer::testing {
namespace {

using InterposerMisuseTest = InterposerTest;

TEST_F(InterposerMisuseTest, RefusesAVariableThatIsNoDescriptor) {
  Preloaded qemu({SNAPHAMMER_PRETEND_QEMU, "0", "0"}, {std::string(kSocketVariable) + "=seven"});
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("\"seven\", which is no descriptor"), std::string::npos);
}

TEST_F(InterposerMisuseTest, RefusesADescriptorThatIsNotThere) {
  Preloaded qemu({SNAPHAMMER_PRETEND_QEMU, "0", "0"}, {std::string(kSocketVariable) + "=987"});
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("was not inherited"), std::string::npos);
}

TEST_F(InterposerMisuseTest, RefusesToStartWithoutAConfig) { expect_refusal("no configuration waits"); }

TEST_F(InterposerMisuseTest, RefusesAConfigOfAnotherSize) {
  ASSERT_GT(::send(commands_.get(), &config_, sizeof config_ - 1, 0), 0);
  expect_refusal("different builds");
}

TEST_F(InterposerMisuseTest, RefusesAConfigOfAnotherVersion) {
  config_.version = kWireVersion + 1;
  send_config();
  expect_refusal("different builds");
}

TEST_F(InterposerMisuseTest, RefusesAHandOffWithoutItsRam) {
  listen_for_hand_off();
  config_.ram_inode = 0;
  send_config();
  expect_refusal("not of which memory file");
}

TEST_F(InterposerMisuseTest, RefusesAHandOffWithoutASocket) {
  config_.hand_off = 1;
  send_config();
  expect_refusal("handoff_socket is no path");
}

TEST_F(InterposerMisuseTest, RefusesHalfAVsock) {
  inherit(sockets_.device);
  config_.vhost_fd = sockets_.device.get();
  send_config();
  expect_refusal("vsock needs both");
}

TEST_F(InterposerMisuseTest, RefusesAPacketSocketOfAnotherKind) {
  inherit(ram_);
  config_.vhost_fd = ram_.get();
  config_.packet_fd = ram_.get();
  send_config();
  expect_refusal("is no socket");
}

TEST_F(InterposerMisuseTest, RefusesAVhostDescriptorThatCannotBeRecognised) {
  use_vsock();
  const OwnedFd event(::eventfd(0, 0));
  config_.vhost_fd = event.get();
  send_config();
  expect_refusal("has no inode of its own");
}

TEST_F(InterposerMisuseTest, RefusesRamThatIsMappedPrivately) {
  send_config();
  Preloaded qemu = start();
  qemu.tell("map 0 4096 private");
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("share=on"), std::string::npos);
}

TEST_F(InterposerMisuseTest, RefusesToHandOffToNobody) {
  listen_for_hand_off();
  listener_ = OwnedFd();
  send_config();
  Preloaded qemu = start();
  qemu.tell(map_all());
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("no page server to hand RAM off to"), std::string::npos);
}

TEST_F(InterposerMisuseTest, RefusesAnotherMappingAfterTheHandOff) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  qemu.ask(map_all());
  qemu.tell("map 0 4096 shared");
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("after it had been handed off"), std::string::npos);
}

TEST_F(InterposerMisuseTest, RefusesACommandThatIsNone) {
  send_config();
  Preloaded qemu = start();
  ASSERT_EQ(::send(commands_.get(), "x", 1, 0), 1);
  EXPECT_TRUE(is_readable(commands_.get()));  // Its end closes with it.
  EXPECT_EQ(qemu.wait_ended(), kFatalExit);
  EXPECT_NE(qemu.errors().find("a command of 1 bytes"), std::string::npos);
}

}  // namespace
}  // namespace snaphammer::interposer::testing
