#include "guest-workloads/agent/endpoint.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// After sys/socket.h, which it needs.
#include <cstring>

#include <linux/vm_sockets.h>

#include "lib/agent/protocol.h"

namespace snaphammer::guest {
namespace {

Endpoint vsock(std::uint32_t cid, std::uint32_t port) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  return {Protocol::endpoint(&address, sizeof address), "vsock:" + std::to_string(port)};
}

constexpr std::string_view kUnix = "unix:";

}  // namespace

Endpoint Endpoint::vsock_any(std::uint32_t port) { return vsock(VMADDR_CID_ANY, port); }

Endpoint Endpoint::vsock_host(std::uint32_t port) { return vsock(agent::kHostCid, port); }

Result<Endpoint> Endpoint::parse(std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string_view path = text.substr(std::min(text.size(), kUnix.size()));
  if (!text.starts_with(kUnix) || path.empty() || path.size() >= sizeof address.sun_path) {
    return Error(ErrorKind::kInvalid, "'" + std::string(text) + "' is no address")
        .advise("write unix:PATH, the path shorter than 108 characters");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return Endpoint{Protocol::endpoint(&address, sizeof address), std::string(text)};
}

Result<Acceptor> listen(const asio::any_io_executor& executor, const Endpoint& endpoint) {
  if (endpoint.name.starts_with(kUnix)) ::unlink(endpoint.name.c_str() + kUnix.size());
  Acceptor acceptor(executor);
  boost::system::error_code error;
  acceptor.open(endpoint.address.protocol(), error);
  if (!error) acceptor.bind(endpoint.address, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return asio_error("listen on " + endpoint.name, error);
  return acceptor;
}

bool register_again(Acceptor& acceptor) {
  boost::system::error_code error;
  const Protocol protocol = acceptor.local_endpoint(error).protocol();
  if (error) return false;
  const int listening = acceptor.release(error);
  if (error) return false;
  acceptor.assign(protocol, listening, error);
  if (error) ::close(listening);
  return !error;
}

}  // namespace snaphammer::guest
