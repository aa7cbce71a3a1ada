#include "guest-workloads/agent/process.h"

#include <cstring>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

namespace snaphammer::guest {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<void> make_nonblocking(const UniqueFd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("set O_NONBLOCK");
  return {};
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!added.contains(std::string(text.substr(0, text.find('='))))) result.emplace_back(text);
  }
  for (const auto& [name, value] : added) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// RAII over posix_spawn's two parameter objects.
struct SpawnAttributes {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnAttributes() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t signals;
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes, &signals);
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes, &signals);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnAttributes() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
};

}  // namespace

Result<Process> spawn(const Command& command) {
  SNAP_ASSIGN(Pipe input, make_pipe());
  SNAP_ASSIGN(Pipe output, make_pipe());
  SNAP_ASSIGN(Pipe error, make_pipe());
  SNAP_TRY(make_nonblocking(input.write));
  SNAP_TRY(make_nonblocking(output.read));
  SNAP_TRY(make_nonblocking(error.read));

  SpawnAttributes spawning;
  // The directory first: posix_spawn reports a failure of any action as one errno, so a directory that is
  // missing is told apart here.
  if (::access(command.directory.c_str(), X_OK) != 0) {
    return errno_error("start " + command.command.at(0) + " in " + command.directory);
  }
  ::posix_spawn_file_actions_addchdir_np(&spawning.actions, command.directory.c_str());
  ::posix_spawn_file_actions_adddup2(&spawning.actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&spawning.actions, output.write.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&spawning.actions, error.write.get(), STDERR_FILENO);
  // Asio's sockets are not close-on-exec: a child that held one would keep its connection open.
  ::posix_spawn_file_actions_addclosefrom_np(&spawning.actions, STDERR_FILENO + 1);

  std::vector<std::string> arguments = command.command;
  std::vector<std::string> environment = merged_environment(command.environment);
  Process process;
  const int failed = ::posix_spawnp(&process.pid, arguments.front().c_str(), &spawning.actions, &spawning.attributes,
                                    pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) return errno_error("start " + arguments.front(), failed);
  process.input = std::move(input.write);
  process.output = std::move(output.read);
  process.error = std::move(error.read);
  return process;
}

}  // namespace snaphammer::guest
