#include "guest-workloads/workloads/ledger/listener.h"

#include <cerrno>

#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace snaphammer::ledger {
namespace {

constexpr int kBacklog = 128;

int listen_at(const sockaddr& address, socklen_t size) {
  const int listener = ::socket(address.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return -1;
  const int yes = 1;
  if (address.sa_family == AF_INET) ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(listener, &address, size) == 0 && ::listen(listener, kBacklog) == 0) return listener;
  const int error = errno;
  ::close(listener);
  errno = error;
  return -1;
}

}  // namespace

int listen_on_tcp(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return listen_at(reinterpret_cast<const sockaddr&>(address), sizeof address);
}

int listen_on_vsock(std::uint32_t port) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_port = port;
  address.svm_cid = VMADDR_CID_ANY;
  return listen_at(reinterpret_cast<const sockaddr&>(address), sizeof address);
}

}  // namespace snaphammer::ledger
