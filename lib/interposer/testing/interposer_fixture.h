// The worker and the page server of a preloaded program, for tests of the whole library: RAM, the
// configuration, the hand-off and its events, commands and replies.
#pragma once

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/userfaultfd.h>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/interposer/testing/packets.h"
#include "lib/interposer/testing/preloaded.h"
#include "lib/interposer/wire.h"

namespace snaphammer::interposer::testing {

inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kRamSize = 64 * kPage;

/// What a page server gets.
struct HandedOff {
  nlohmann::json regions;
  OwnedFd userfault;
  OwnedFd connection;
};

class InterposerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ram_ = OwnedFd(::memfd_create("ram", 0));
    ASSERT_EQ(::ftruncate(ram_.get(), kRamSize), 0);
    struct stat status = {};
    ASSERT_EQ(::fstat(ram_.get(), &status), 0);
    config_.ram_device = status.st_dev;
    config_.ram_inode = status.st_ino;
    int fds[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    commands_ = OwnedFd(fds[0]);
    configuration_ = OwnedFd(fds[1]);
    inherit(configuration_);
  }

  static void inherit(const OwnedFd& fd) { ::fcntl(fd.get(), F_SETFD, 0); }

  void listen_for_hand_off() {
    directory_ = std::filesystem::temp_directory_path() / ("interposer-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    const std::string path = (directory_ / "uffd.sock").string();
    std::filesystem::remove(path);
    listener_ = OwnedFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 1), 0);
    config_.hand_off = 1;
    config_.user_mode_only_allowed = 1;
    std::strcpy(config_.handoff_socket, path.c_str());
  }
  ~InterposerTest() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  void use_vsock() {
    inherit(sockets_.device);
    config_.vhost_fd = sockets_.device.get();
    config_.packet_fd = sockets_.device.get();
  }

  void send_config() const { ASSERT_EQ(::send(commands_.get(), &config_, sizeof config_, 0), ssize_t{sizeof config_}); }

  Preloaded start(bool configured = true) {
    std::vector<std::string> environment;
    if (configured) environment.push_back(kSocketVariable + ("=" + std::to_string(configuration_.get())));
    const OwnedFd handed_over = std::move(configuration_);
    return Preloaded({SNAPHAMMER_PRETEND_QEMU, std::to_string(ram_.get()), std::to_string(config_.vhost_fd)},
                     environment);
  }

  /// Starts it, and expects the interposer to end it with a message that has `text` in it.
  void expect_refusal(const std::string& text) {
    Preloaded qemu = start();
    EXPECT_EQ(qemu.wait_ended(), kFatalExit);
    EXPECT_NE(qemu.errors().find(text), std::string::npos) << qemu.errors();
  }

  HandedOff accept_hand_off() const {
    HandedOff handed;
    if (!is_readable(listener_.get())) return handed;
    handed.connection = OwnedFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string text(4096, '\0');
    iovec data = {text.data(), text.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    msghdr header = {};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(handed.connection.get(), &header, MSG_CMSG_CLOEXEC);
    if (got <= 0) return handed;
    text.resize(static_cast<std::size_t>(got));
    handed.regions = nlohmann::json::parse(text);
    const cmsghdr* rights = CMSG_FIRSTHDR(&header);
    if (rights != nullptr && rights->cmsg_len == CMSG_LEN(sizeof(int))) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
      handed.userfault = OwnedFd(fd);
    }
    return handed;
  }

  static uffd_msg next_event(const OwnedFd& userfault) {
    uffd_msg event = {};
    if (!is_readable(userfault.get()) || ::read(userfault.get(), &event, sizeof event) != ssize_t{sizeof event})
      ADD_FAILURE() << "no event";
    return event;
  }
  static void serve(const OwnedFd& userfault, std::uint64_t address, char byte) {
    alignas(kPage) std::array<char, kPage> page{};
    page.fill(byte);
    uffdio_copy copy = {};
    copy.dst = address;
    copy.src = reinterpret_cast<std::uintptr_t>(page.data());
    copy.len = kPage;
    EXPECT_EQ(::ioctl(userfault.get(), UFFDIO_COPY, &copy), 0) << std::strerror(errno);
  }

  void command(std::uint64_t offset, std::uint64_t length) const {
    const Command remove = {CommandKind::kRemove, offset, length};
    ASSERT_EQ(::send(commands_.get(), &remove, sizeof remove, 0), ssize_t{sizeof remove});
  }
  int reply() const {
    Reply reply = {-1};
    if (!is_readable(commands_.get())) return -1;
    return ::recv(commands_.get(), &reply, sizeof reply, 0) == ssize_t{sizeof reply} ? reply.error : -1;
  }
  int remove(std::uint64_t offset, std::uint64_t length) const {
    command(offset, length);
    return reply();
  }
  void write_ram(std::size_t offset, char byte) const {
    ASSERT_EQ(::pwrite(ram_.get(), &byte, 1, static_cast<off_t>(offset)), 1);
  }
  static std::string map_all() { return "map 0 " + std::to_string(kRamSize) + " shared"; }

  OwnedFd ram_;
  OwnedFd commands_;
  OwnedFd configuration_;
  OwnedFd listener_;
  std::filesystem::path directory_;
  SocketPair sockets_;
  Config config_;
};

}  // namespace snaphammer::interposer::testing
