// How a hand-off comes over its socket, from a VMM that keeps to the format, that is slow, or that is up to no good.
#include <cstring>
#include <filesystem>
#include <future>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/uffd/handoff.h"
#include "lib/uffd/stop_signal.h"

namespace snaphammer::uffd {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr std::chrono::seconds kFarTooLong(30);

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class HandoffSocket : public testing::Test {
 protected:
  void SetUp() override {
    connect(SOCK_STREAM);
    descriptor_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    ASSERT_TRUE(descriptor_);
    ASSERT_TRUE(stop_.open());
  }

  /// Makes each message one read of its own, as on a stream whose sender takes its time. Other messages may be glued
  /// together, depending on who is faster.
  void keep_messages_apart() { connect(SOCK_SEQPACKET); }

  // What the VMM does.
  void send(std::string_view text, std::size_t descriptors = 0) {
    ASSERT_EQ(send_some(text, descriptors), static_cast<ssize_t>(text.size())) << std::strerror(errno);
  }
  void close_vmm() { vmm_.reset(); }
  /// Returns once the server has read everything that was sent.
  void await_taken() {
    const TimePoint deadline = SteadyClock::now() + kFarTooLong;
    int unread = 1;
    while (unread > 0 && SteadyClock::now() < deadline) {
      ASSERT_EQ(::ioctl(server_.get(), FIONREAD, &unread), 0);
      std::this_thread::yield();
    }
    ASSERT_EQ(unread, 0);
  }

  // What the page server does.
  Result<Handoff> receive(Duration limit = kFarTooLong) { return receive_handoff(server_.get(), stop_.fd(), limit); }
  std::future<Result<Handoff>> start_receiving(Duration limit = kFarTooLong) {
    return std::async(std::launch::async, [this, limit] { return receive(limit); });
  }

  void expect_handed_off(const Result<Handoff>& handoff, const std::string& message = kMessage) {
    ASSERT_TRUE(handoff) << handoff.error().describe();
    EXPECT_EQ(handoff->message, message);
    EXPECT_EQ(handoff->regions, parse_regions(message));
    EXPECT_TRUE(is_ours(handoff->userfaultfd.get()));
  }
  static void expect_refused(const Result<Handoff>& handoff, ErrorKind kind, std::string_view why) {
    ASSERT_FALSE(handoff);
    EXPECT_EQ(handoff.error().kind(), kind) << handoff.error().describe();
    EXPECT_THAT(handoff.error().message(), testing::StartsWith("hand-off: "));
    EXPECT_THAT(handoff.error().message(), HasSubstr(why));
  }
  /// Whether `fd` is another descriptor of the file that the VMM handed off.
  bool is_ours(int fd) const {
    std::uint64_t value = 1;
    if (::write(fd, &value, sizeof value) != sizeof value) return false;
    return ::read(descriptor_.get(), &value, sizeof value) == sizeof value;
  }

  inline static const std::string kMessage = format_regions({{0x7f00'0000'0000, 64_MiB, 0, 4_KiB}});
  UniqueFd vmm_;
  UniqueFd server_;
  UniqueFd descriptor_;  // Stands for the userfaultfd: to the hand-off one is as good as another.
  StopSignal stop_;

 private:
  void connect(int type) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    vmm_.reset(ends[0]);
    server_.reset(ends[1]);
  }
  ssize_t send_some(std::string_view text, std::size_t descriptors) {
    std::string bytes(text);
    iovec part = {bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::byte control[CMSG_SPACE(32 * sizeof(int))] = {};
    const std::vector<int> fds(descriptors, descriptor_.get());
    if (!fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
    }
    return ::sendmsg(vmm_.get(), &message, MSG_NOSIGNAL);
  }
};

TEST_F(HandoffSocket, ComesAsOneMessageWithOneDescriptor) {
  send(kMessage, 1);
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, IsSentTheWayItIsReceived) {
  ASSERT_TRUE(send_handoff(vmm_.get(), descriptor_.get(), kMessage));
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, ReceivedDescriptorIsNotInheritedByPrograms) {
  send(kMessage, 1);
  const Result<Handoff> handoff = receive();
  ASSERT_TRUE(handoff);
  EXPECT_EQ(::fcntl(handoff->userfaultfd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(HandoffSocket, MayBeLongerThanOneRead) {
  std::vector<Region> regions;
  for (ByteCount i = 0; i < 200; ++i) regions.push_back({0x7f00'0000'0000 + i * 1_GiB, 4_KiB, i * 4_KiB, 4_KiB});
  const std::string message = format_regions(regions);
  ASSERT_GT(message.size(), 4 * 4096u);
  send(message, 1);
  expect_handed_off(receive(), message);
}

TEST_F(HandoffSocket, MayComeByteByByteAfterItsDescriptor) {
  keep_messages_apart();
  send(kMessage.substr(0, 1), 1);
  for (std::size_t i = 1; i < kMessage.size(); ++i) send(kMessage.substr(i, 1));
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, ItsDescriptorMayComeWithTheLastByte) {
  keep_messages_apart();
  send(kMessage.substr(0, kMessage.size() - 1));
  send(kMessage.substr(kMessage.size() - 1), 1);
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, MayComeOnceWithoutItsDescriptorAndThenWithIt) {
  keep_messages_apart();
  send(kMessage);
  send(kMessage, 1);
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, ItsSenderMayBeSlow) {
  std::future<Result<Handoff>> handoff = start_receiving();
  for (std::size_t at = 0; at < kMessage.size(); at += 10) {
    send(kMessage.substr(at, 10), at == 0 ? 1 : 0);
    await_taken();
  }
  expect_handed_off(handoff.get());
}

TEST_F(HandoffSocket, TheMessageThatCameWithTheDescriptorCounts) {
  send(format_regions({{4096, 4096, 0, 4096}}));
  send(kMessage, 1);  // Both are there before anything is read: the stream glues them together.
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, WhiteSpaceAndNulsAroundItAreIgnored) {
  send(" \n" + std::string(1, '\0') + kMessage);
  send("\r\n\t" + kMessage + std::string(3, '\0') + "\n", 1);
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, BracketsInsideStringsAreNoBrackets) {
  const std::string tricky = R"([{"base_host_virt_addr":0,"size":4096,"offset":0,"page_size":4096,"note":"]}\"]\\"}])";
  send(tricky.substr(0, tricky.size() - 4), 1);
  send(tricky.substr(tricky.size() - 4));
  expect_handed_off(receive(), tricky);
}

TEST_F(HandoffSocket, AFewMessagesWithoutADescriptorAreTolerated) {
  keep_messages_apart();
  for (int i = 0; i < kMaxMessagesWithoutDescriptor; ++i) send(kMessage);
  send(kMessage, 1);
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, OneMoreWithoutADescriptorIsTooMany) {
  keep_messages_apart();
  for (int i = 0; i <= kMaxMessagesWithoutDescriptor; ++i) send(kMessage);
  send(kMessage, 1);
  expect_refused(receive(), ErrorKind::kInvalid, "6 messages without a descriptor");
}

TEST_F(HandoffSocket, TwoDescriptorsAreRefusedAndClosed) {
  send(kMessage, 2);
  const std::size_t before = open_descriptors();
  expect_refused(receive(), ErrorKind::kInvalid, "2 descriptors, one was expected");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HandoffSocket, ASecondDescriptorLaterIsRefusedAndClosed) {
  const std::size_t before = open_descriptors();
  keep_messages_apart();
  send(kMessage.substr(0, 10), 1);
  send(kMessage.substr(10), 1);
  expect_refused(receive(), ErrorKind::kInvalid, "2 descriptors, one was expected");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HandoffSocket, MoreDescriptorsThanThereIsRoomForAreRefusedAndClosed) {
  send(kMessage, 30);
  const std::size_t before = open_descriptors();
  expect_refused(receive(), ErrorKind::kInvalid, "more descriptors than can be received");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HandoffSocket, MalformedTextIsRefusedAndItsDescriptorClosed) {
  const std::size_t before = open_descriptors();
  send(R"([{"size":1}])", 1);
  expect_refused(receive(), ErrorKind::kInvalid, "region 0: no field 'base_host_virt_addr'");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HandoffSocket, WhatIsNoArrayIsRefusedAtOnce) {
  send("{\"never", 1);
  expect_refused(receive(), ErrorKind::kInvalid, "not a JSON array");
}

TEST_F(HandoffSocket, SomethingAfterItIsRefused) {
  send(kMessage + "x", 1);
  expect_refused(receive(), ErrorKind::kInvalid, "not a JSON array");
}

TEST_F(HandoffSocket, WrongBracketsAreRefused) {
  send("[}", 1);
  expect_refused(receive(), ErrorKind::kInvalid, "not JSON");
}

TEST_F(HandoffSocket, AsLongAsIsAllowedIsAccepted) {
  send(std::string(kMaxHandoffBytes - kMessage.size(), ' ') + kMessage, 1);
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, LongerThanIsAllowedIsRefused) {
  send("[" + std::string(kMaxHandoffBytes, ' '), 1);
  expect_refused(receive(), ErrorKind::kInvalid, "longer than 64 KiB");
}

TEST_F(HandoffSocket, NothingInTimeIsATimeout) {
  expect_refused(receive(milliseconds(20)), ErrorKind::kTimeout, "sent none in time");
}

TEST_F(HandoffSocket, NotAllOfItInTimeIsATimeout) {
  send(kMessage.substr(0, 20), 1);
  expect_refused(receive(milliseconds(20)), ErrorKind::kTimeout, "sent none in time");
}

TEST_F(HandoffSocket, ASenderThatTricklesDoesNotStretchTheTime) {
  std::future<Result<Handoff>> handoff = start_receiving(milliseconds(50));
  send("[", 1);
  while (handoff.wait_for(milliseconds(1)) != std::future_status::ready) send(" ");
  expect_refused(handoff.get(), ErrorKind::kTimeout, "sent none in time");
}

TEST_F(HandoffSocket, ConnectionClosedWithoutAWordIsGone) {
  close_vmm();
  expect_refused(receive(), ErrorKind::kGone, "closed the connection before handing off");
}

TEST_F(HandoffSocket, ConnectionClosedInTheMiddleIsGone) {
  send(kMessage.substr(0, 20), 1);
  close_vmm();
  expect_refused(receive(), ErrorKind::kGone, "closed the connection before handing off");
}

TEST_F(HandoffSocket, ConnectionClosedAfterAMessageWithoutDescriptorIsGone) {
  send(kMessage);
  close_vmm();
  expect_refused(receive(), ErrorKind::kGone, "closed the connection before handing off");
}

TEST_F(HandoffSocket, ConnectionClosedAfterItStillCounts) {
  send(kMessage, 1);
  close_vmm();
  expect_handed_off(receive());
}

TEST_F(HandoffSocket, StopBeforehandCancels) {
  send(kMessage, 1);
  stop_.set();
  expect_refused(receive(), ErrorKind::kCancelled, "cancelled");
}

TEST_F(HandoffSocket, StopCancelsWhoeverWaits) {
  std::future<Result<Handoff>> handoff = start_receiving();
  send(kMessage.substr(0, 20), 1);
  await_taken();
  stop_.set();
  expect_refused(handoff.get(), ErrorKind::kCancelled, "cancelled");
}

TEST_F(HandoffSocket, SendingToNobodyIsAnErrorAndNoSignal) {
  server_.reset();
  const Result<void> sent = send_handoff(vmm_.get(), descriptor_.get(), kMessage);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind(), ErrorKind::kGone);
  EXPECT_THAT(sent.error().message(), HasSubstr("send the hand-off"));
}

}  // namespace
}  // namespace snaphammer::uffd
