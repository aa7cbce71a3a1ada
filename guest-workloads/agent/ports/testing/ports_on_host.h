// Ports of a guest that are none: kernel tables that a test writes, and forwarders between names of this host instead of
// vsock ports. A name in the abstract namespace is like a vsock port in what matters: it is taken as long as somebody
// listens there, and free from the moment when he is gone.
//
//   PortsOnHost host;
//   config.ports = host.options();
//   host.listen({8080});                    // what the next scan finds
//   host.connects(8080);                    // whether its forwarder takes a connection
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-workloads/agent/ports/forwarding.h"
#include "lib/base/testing/temporary_directory.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::guest {

class PortsOnHost {
 public:
  PortsOnHost() = default;
  PortsOnHost(const PortsOnHost&) = delete;
  PortsOnHost& operator=(const PortsOnHost&) = delete;

  PortsOptions options() const {
    return {.proc_net = directory_,
            .forwarder = [this](const ListeningPort& port) { return forwarder(port); },
            .scan_interval = std::chrono::milliseconds(20),
            .longest_backoff = std::chrono::milliseconds(200),
            .most = kMost};
  }

  /// Which ports the next scan finds. Nobody really listens there: forwarders carry connections to `cat`.
  void listen(const std::vector<std::uint16_t>& ports) const {
    std::string table = "  sl  local_address rem_address   st\n";
    for (const std::uint16_t port : ports) table += fmt::format("   0: 0100007F:{:04X} 00000000:0000 0A\n", port);
    // As the kernel's tables are: never half written.
    std::ofstream(directory_ / "new") << table;
    std::filesystem::rename(directory_ / "new", directory_ / "tcp");
  }
  /// The name at which a port's forwarder listens, without the zero byte before it.
  std::string name(std::uint16_t port) const { return directory_ / std::to_string(port); }

  Command forwarder(const ListeningPort& port) const {
    return {.command = {program, "-d", "-d", "ABSTRACT-LISTEN:" + name(port.port) + ",fork", "EXEC:cat"},
            .environment = {},
            .directory = "/"};
  }
  UniqueFd connect(std::uint16_t port) const {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = name(port);
    std::memcpy(address.sun_path + 1, text.data(), text.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) socket.reset();
    return socket;
  }
  /// Whether a byte comes back: a process serves this connection.
  static bool echoes(const UniqueFd& connection) {
    char byte = 'x';
    return ::write(connection.get(), &byte, 1) == 1 && ::read(connection.get(), &byte, 1) == 1;
  }
  bool connects(std::uint16_t port) const { return static_cast<bool>(connect(port)); }

  static constexpr std::size_t kMost = 50;

  std::string program = "socat";

 private:
  TemporaryDirectory directory_;
};

}  // namespace snaphammer::guest
