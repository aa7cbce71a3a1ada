#include "lib/base/descriptor_message.h"

#include <array>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace snaphammer {
namespace {

class DescriptorMessageTest : public testing::Test {
 protected:
  DescriptorMessageTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    near_ = UniqueFd(ends[0]);
    far_ = UniqueFd(ends[1]);
  }

  // The message's text; -1 leaves "error NUMBER".
  std::string receive() {
    std::array<char, 64> bytes{};
    const ssize_t length = receive_with_descriptors(far_.get(), bytes, received_, MSG_DONTWAIT);
    if (length < 0) return "error " + std::to_string(errno);
    return {bytes.data(), static_cast<std::size_t>(length)};
  }

  UniqueFd near_;
  UniqueFd far_;
  std::vector<UniqueFd> received_;
};

TEST_F(DescriptorMessageTest, DescriptorsGoWithTheirMessage) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  EXPECT_EQ(send_with_descriptors(near_.get(), "both", std::array{reader.get(), writer.get()}, 0), 4);
  EXPECT_EQ(send_with_descriptors(near_.get(), "none", {}, 0), 4);
  reader.reset();
  writer.reset();

  EXPECT_EQ(receive(), "both");
  ASSERT_EQ(received_.size(), 2U);
  for (const UniqueFd& fd : received_) EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  ASSERT_EQ(::write(received_[1].get(), "x", 1), 1);
  char byte = 0;
  ASSERT_EQ(::read(received_[0].get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');

  EXPECT_EQ(receive(), "none");
  EXPECT_EQ(received_.size(), 2U);
}

TEST_F(DescriptorMessageTest, MoreThanGoWithOneMessageAreRefused) {
  const std::vector<int> many(kMostDescriptors + 1, near_.get());
  EXPECT_EQ(send_with_descriptors(near_.get(), "x", many, 0), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(send_with_descriptors(near_.get(), "x", std::span(many).first(kMostDescriptors), 0), 1);
  EXPECT_EQ(receive(), "x");
  EXPECT_EQ(received_.size(), kMostDescriptors);
}

// A stranger may send as many as the kernel lets him.
TEST_F(DescriptorMessageTest, MoreThanCanBeTakenAreClosed) {
  constexpr std::size_t kTooMany = kMostDescriptors + 4;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kTooMany * sizeof(int))> control{};
  iovec part{.iov_base = control.data(), .iov_len = 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(kTooMany * sizeof(int));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  std::fill_n(reinterpret_cast<int*>(CMSG_DATA(header)), kTooMany, writer.get());
  ASSERT_EQ(::sendmsg(near_.get(), &message, 0), 1);
  writer.reset();

  EXPECT_EQ(receive(), "error " + std::to_string(EMSGSIZE));
  EXPECT_TRUE(received_.empty());
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0) << "somebody still holds the pipe's other end";
}

}  // namespace
}  // namespace snaphammer
