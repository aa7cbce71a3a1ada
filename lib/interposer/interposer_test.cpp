// The library as QEMU gets it: preloaded into a program that does not know of it (testing/pretend_qemu),
// with this test in the place of the worker and of the page server. No VM.
#include <gtest/gtest.h>

#include "lib/interposer/testing/interposer_fixture.h"

namespace snaphammer::interposer::testing {
namespace {

TEST_F(InterposerTest, DoesNothingWithoutConfiguration) {
  use_vsock();
  Preloaded qemu = start(false);
  write_ram(kPage, 'q');
  EXPECT_NE(qemu.ask(map_all()), "failed");
  EXPECT_EQ(qemu.ask("read 4096"), std::to_string('q'));
  EXPECT_EQ(qemu.ask("features"), std::strerror(ENOTTY));
  EXPECT_EQ(qemu.wait_ended(), 0);
  EXPECT_EQ(qemu.errors(), "");
}

TEST_F(InterposerTest, TakesItsVariableOutOfTheEnvironment) {
  send_config();
  Preloaded qemu = start();
  EXPECT_EQ(qemu.ask("environment"), "clean");
  EXPECT_EQ(qemu.wait_ended(), 0);
  EXPECT_EQ(qemu.errors(), "");
}

TEST_F(InterposerTest, LeavesRamAloneWithoutAHandOff) {
  send_config();
  Preloaded qemu = start();
  qemu.ask(map_all());
  EXPECT_EQ(qemu.ask("read 0"), "0");
}

TEST_F(InterposerTest, HandsRamOffAsFirecrackerDoes) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  const std::uint64_t address = std::stoull(qemu.ask(map_all()));
  const HandedOff handed = accept_hand_off();
  EXPECT_EQ(handed.regions, nlohmann::json::array({{{"base_host_virt_addr", address},
                                                    {"size", kRamSize},
                                                    {"offset", 0},
                                                    {"page_size", kPage},
                                                    {"page_size_kib", kPage}}}));
  ASSERT_TRUE(handed.userfault);
  EXPECT_NE(::fcntl(handed.userfault.get(), F_GETFL) & O_NONBLOCK, 0);
  // Open and silent from now on.
  EXPECT_FALSE(is_readable(handed.connection.get(), 0));
  EXPECT_EQ(qemu.ask("environment"), "clean");
  EXPECT_FALSE(is_readable(handed.connection.get(), 0));
}

TEST_F(InterposerTest, LetsThePageServerServeAFault) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  const std::uint64_t address = std::stoull(qemu.ask(map_all()));
  const HandedOff handed = accept_hand_off();
  qemu.tell("read " + std::to_string(5 * kPage + 17));
  const uffd_msg fault = next_event(handed.userfault);
  EXPECT_EQ(fault.event, UFFD_EVENT_PAGEFAULT);
  EXPECT_EQ(fault.arg.pagefault.address / kPage, address / kPage + 5);
  EXPECT_FALSE(qemu.has_answered());
  serve(handed.userfault, address + 5 * kPage, 'Z');
  EXPECT_EQ(qemu.answer(), std::to_string('Z'));
}

TEST_F(InterposerTest, TellsThePageServerOfARemovalBeforeItReplies) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  const std::uint64_t address = std::stoull(qemu.ask(map_all()));
  const HandedOff handed = accept_hand_off();
  serve(handed.userfault, address + 2 * kPage, 'R');
  EXPECT_EQ(qemu.ask("read 8192"), std::to_string('R'));

  command(2 * kPage, 2 * kPage);
  const uffd_msg removal = next_event(handed.userfault);
  EXPECT_EQ(removal.event, UFFD_EVENT_REMOVE);
  EXPECT_EQ(removal.arg.remove.start, address + 2 * kPage);
  EXPECT_EQ(removal.arg.remove.end, address + 4 * kPage);
  EXPECT_EQ(reply(), 0);

  qemu.tell("read 8192");  // Gone: it faults again.
  EXPECT_EQ(next_event(handed.userfault).event, UFFD_EVENT_PAGEFAULT);
  serve(handed.userfault, address + 2 * kPage, 'N');
  EXPECT_EQ(qemu.answer(), std::to_string('N'));
}

TEST_F(InterposerTest, HandsOffSeveralPiecesTogether) {
  listen_for_hand_off();
  send_config();
  Preloaded qemu = start();
  const std::uint64_t second = std::stoull(qemu.ask("map 131072 131072 shared"));
  EXPECT_FALSE(is_readable(listener_.get(), 0));
  const std::uint64_t first = std::stoull(qemu.ask("map 0 131072 shared"));
  const HandedOff handed = accept_hand_off();
  ASSERT_EQ(handed.regions.size(), 2U);
  EXPECT_EQ(handed.regions[0]["base_host_virt_addr"], first);
  EXPECT_EQ(handed.regions[0]["offset"], 0);
  EXPECT_EQ(handed.regions[1]["base_host_virt_addr"], second);
  EXPECT_EQ(handed.regions[1]["offset"], 131072);
  EXPECT_EQ(handed.regions[1]["size"], 131072);
}

TEST_F(InterposerTest, RemovesFromRamThatWasNotHandedOff) {
  send_config();
  Preloaded qemu = start();
  EXPECT_EQ(remove(0, kPage), ENODEV);
  qemu.ask(map_all());
  write_ram(0, 'a');
  write_ram(kPage, 'b');
  EXPECT_EQ(remove(kPage, kPage), 0);
  EXPECT_EQ(qemu.ask("read 0"), std::to_string('a'));
  EXPECT_EQ(qemu.ask("read 4096"), "0");
}

TEST_F(InterposerTest, ChecksTheRangeOfARemoval) {
  send_config();
  Preloaded qemu = start();
  qemu.ask(map_all());
  write_ram(0, 'k');
  EXPECT_EQ(remove(0, 0), EINVAL);
  EXPECT_EQ(remove(1, kPage), EINVAL);
  EXPECT_EQ(remove(0, kPage - 1), EINVAL);
  EXPECT_EQ(remove(kRamSize, kPage), EINVAL);
  EXPECT_EQ(remove(0, kRamSize + kPage), EINVAL);
  EXPECT_EQ(remove(kPage, UINT64_MAX - kPage + 1), EINVAL);
  EXPECT_EQ(qemu.ask("read 0"), std::to_string('k'));  // None of them did a part of it.
  EXPECT_EQ(remove(0, kRamSize), 0);
}

TEST_F(InterposerTest, IsAVhostVsockDevice) {
  use_vsock();
  send_config();
  Preloaded qemu = start();
  qemu.ask(map_all());
  EXPECT_NE(std::stoull(qemu.ask("features")) & (1ULL << 32), 0U);
  qemu.tell("echo");
  sockets_.send(packet_with("there and back"));
  ASSERT_TRUE(is_readable(sockets_.worker.get()));
  EXPECT_EQ(sockets_.receive(), packet_with("there and back"));
  EXPECT_EQ(qemu.answer(), "echoed, base 1");
  EXPECT_EQ(qemu.wait_ended(), 0);
}

TEST_F(InterposerTest, GoesOnWithoutAWorker) {
  send_config();
  Preloaded qemu = start();
  commands_ = OwnedFd();
  qemu.ask(map_all());
  EXPECT_EQ(qemu.ask("read 0"), "0");
  EXPECT_EQ(qemu.wait_ended(), 0);
}

}  // namespace
}  // namespace snaphammer::interposer::testing
