#include "lib/interposer/configuration.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "lib/interposer/fatal.h"

namespace snaphammer::interposer {
namespace {

int socket_option(int fd, int option, const char* what) {
  int value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0)
    fatal("%s, descriptor %d, is no socket: %s", what, fd, system_error());
  return value;
}

void expect_packet_socket(int fd, const char* what) {
  if (socket_option(fd, SO_TYPE, what) != SOCK_SEQPACKET)
    fatal("%s, descriptor %d, is not a SOCK_SEQPACKET socket", what, fd);
}

void keep_from_children(int fd, const char* what) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) fatal("%s, descriptor %d, was not inherited: %s", what, fd, system_error());
}

// Descriptors like eventfds share one inode: nothing would tell them apart.
void expect_own_inode(int fd, const char* what) {
  struct statfs filesystem = {};
  if (::fstatfs(fd, &filesystem) < 0) fatal("%s, descriptor %d: %s", what, fd, system_error());
  if (filesystem.f_type == ANON_INODE_FS_MAGIC)
    fatal("%s, descriptor %d, has no inode of its own: use a memfd or a socket", what, fd);
}

void check_vsock(const Config& config) {
  if (config.vhost_fd < 0 && config.packet_fd < 0) return;
  if (config.vhost_fd < 0 || config.packet_fd < 0)
    fatal("vsock needs both vhost_fd (now %d) and packet_fd (now %d)", config.vhost_fd, config.packet_fd);
  keep_from_children(config.vhost_fd, "vhost_fd");
  keep_from_children(config.packet_fd, "packet_fd");
  expect_own_inode(config.vhost_fd, "vhost_fd");
  expect_packet_socket(config.packet_fd, "packet_fd");
  // The kernel charges a message with its overhead; a packet that can never fit would never leave.
  const int room = socket_option(config.packet_fd, SO_SNDBUF, "packet_fd");
  if (static_cast<std::uint32_t>(room) < 2 * kMaxPacket)
    fatal("packet_fd has a send buffer of %d bytes; it needs %u", room, 2 * kMaxPacket);
}

void check_hand_off(const Config& config) {
  if (config.hand_off == 0) return;
  if (config.ram_inode == 0) fatal("a hand-off was asked for, but not of which memory file");
  const void* end = std::memchr(config.handoff_socket, 0, sizeof config.handoff_socket);
  if (end == nullptr || end == config.handoff_socket) fatal("a hand-off was asked for, but handoff_socket is no path");
}

}  // namespace

Config receive_config(int socket) {
  keep_from_children(socket, kSocketVariable);
  expect_packet_socket(socket, kSocketVariable);
  Config config;
  const ssize_t got = ::recv(socket, &config, sizeof config, MSG_DONTWAIT | MSG_TRUNC);
  if (got < 0) fatal("no configuration waits on descriptor %d: %s", socket, system_error());
  if (static_cast<std::size_t>(got) != sizeof config)
    fatal("the configuration has %zd bytes, not %zu: worker and interposer are of different builds", got,
          sizeof config);
  if (config.version != kWireVersion)
    fatal("the configuration has version %u, not %u: worker and interposer are of different builds", config.version,
          kWireVersion);
  check_hand_off(config);
  check_vsock(config);
  return config;
}

std::optional<Session> read_environment() {
  const char* value = std::getenv(kSocketVariable);
  if (value == nullptr) return std::nullopt;
  int socket = -1;
  const char* end = value + std::strlen(value);
  const auto [parsed_end, error] = std::from_chars(value, end, socket);
  if (error != std::errc() || parsed_end != end || socket < 0)
    fatal("%s is \"%s\", which is no descriptor", kSocketVariable, value);
  Session session = {receive_config(socket), OwnedFd(socket)};
  ::unsetenv(kSocketVariable);
  return session;
}

}  // namespace snaphammer::interposer
