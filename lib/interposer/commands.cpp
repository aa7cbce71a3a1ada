#include "lib/interposer/commands.h"

#include <cerrno>

#include <sys/socket.h>

#include "lib/interposer/fatal.h"

namespace snaphammer::interposer {
namespace {

Reply execute(const Command& command, Ram& ram) {
  switch (command.kind) {
    case CommandKind::kRemove:
      return {ram.remove(command.offset, command.length)};
  }
  fatal("the worker sent a command of unknown kind %u", static_cast<unsigned>(command.kind));
}

}  // namespace

void serve_commands(int socket, Ram& ram) {
  for (;;) {
    Command command;
    const ssize_t got = ::recv(socket, &command, sizeof command, MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return;
    if (got < 0) fatal("receiving a command: %s", system_error());
    if (static_cast<std::size_t>(got) != sizeof command)
      fatal("the worker sent a command of %zd bytes, not %zu", got, sizeof command);
    const Reply reply = execute(command, ram);
    if (::send(socket, &reply, sizeof reply, MSG_NOSIGNAL) < 0 && errno != EPIPE)
      fatal("answering a command: %s", system_error());
  }
}

}  // namespace snaphammer::interposer
