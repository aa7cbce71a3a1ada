#include "lib/uffd/handoff_listener.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace snaphammer::uffd {
namespace {

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path.string();
  if (name.empty() || name.size() >= sizeof address.sun_path) {
    return Error(ErrorKind::kInvalid, fmt::format("hand-off socket {}: a socket's path has 1 to {} bytes", name,
                                                  sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

}  // namespace

Result<HandoffListener> HandoffListener::listen(std::filesystem::path path) {
  const std::string what = "hand-off socket " + path.string();
  SNAP_ASSIGN(const sockaddr_un address, address_of(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno_error(what);
  std::error_code ignored;
  if (std::filesystem::is_socket(path, ignored)) std::filesystem::remove(path, ignored);
  if (::bind(socket.get(), generic(address), sizeof address) < 0) return errno_error(what + ": bind");
  if (::listen(socket.get(), 1) < 0) return errno_error(what + ": listen");
  return HandoffListener(std::move(path), std::move(socket));
}

HandoffListener::~HandoffListener() { close(); }

void HandoffListener::close() {
  if (!socket_) return;
  socket_.reset();
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

Result<UniqueFd> HandoffListener::accept(int stop_fd) {
  for (;;) {
    std::array<pollfd, 2> fds = {pollfd{socket_.get(), POLLIN, 0}, pollfd{stop_fd, POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return errno_error("hand-off: poll");
    if (fds[1].revents != 0) return Error(ErrorKind::kCancelled, "hand-off: stopped");
    UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) {
      close();
      return connection;
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) return errno_error("hand-off: accept");
  }
}

Result<UniqueFd> connect_handoff(const std::filesystem::path& path) {
  SNAP_ASSIGN(const sockaddr_un address, address_of(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error("hand-off socket");
  if (::connect(socket.get(), generic(address), sizeof address) < 0) {
    return errno_error("connect to the page-fault handler at " + path.string());
  }
  return socket;
}

}  // namespace snaphammer::uffd
