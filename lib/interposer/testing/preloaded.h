// A program with libsnaphammer-interposer.so preloaded, as QEMU gets it.
//
//   Preloaded qemu({SNAPHAMMER_PRETEND_QEMU, "3", "4"}, {"SNAPHAMMER_INTERPOSER_FD=5"});
//   EXPECT_EQ(qemu.ask("environment"), "clean");
//   EXPECT_EQ(qemu.wait_ended(), 0);
//
// It inherits the descriptors that are not close-on-exec, and is killed and reaped with this object.
#pragma once

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/interposer/owned_fd.h"

namespace snaphammer::interposer::testing {

inline constexpr int kPatience = 20'000;  // Milliseconds in which a thing must have happened.

inline bool is_readable(int fd, int milliseconds = kPatience) {
  pollfd event = {fd, POLLIN, 0};
  return ::poll(&event, 1, milliseconds) == 1;
}

class Preloaded {
 public:
  Preloaded(std::vector<std::string> command, const std::vector<std::string>& environment) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    std::array<int, 2> error{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0 ||
        ::pipe2(error.data(), O_CLOEXEC) != 0)
      std::abort();
    const OwnedFd child_in(in[0]);
    const OwnedFd child_out(out[1]);
    const OwnedFd child_error(error[1]);
    in_ = OwnedFd(in[1]);
    out_ = OwnedFd(out[0]);
    error_ = OwnedFd(error[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, child_in.get(), 0);
    ::posix_spawn_file_actions_adddup2(&actions, child_out.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, child_error.get(), 2);
    std::vector<std::string> variables = environment;
    variables.emplace_back("LD_PRELOAD=" SNAPHAMMER_INTERPOSER);
    const int failed = ::posix_spawn(&pid_, command[0].c_str(), &actions, nullptr, pointers(command).data(),
                                     pointers(variables).data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) std::abort();
  }
  ~Preloaded() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait_ended();
    }
  }
  Preloaded(const Preloaded&) = delete;
  Preloaded& operator=(const Preloaded&) = delete;

  void tell(const std::string& command) const {
    const std::string line = command + "\n";
    if (::write(in_.get(), line.data(), line.size()) < 0) std::abort();
  }
  std::string answer() {
    std::string line;
    char byte = 0;
    while (is_readable(out_.get()) && ::read(out_.get(), &byte, 1) == 1) {
      if (byte == '\n') return line;
      line += byte;
    }
    return "(no answer) " + line;
  }
  std::string ask(const std::string& command) {
    tell(command);
    return answer();
  }
  bool has_answered() const { return is_readable(out_.get(), 0); }

  /// Waits for its end and returns its exit status; it need not have been asked to end.
  int wait_ended() {
    in_ = OwnedFd();
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  /// All that it wrote to standard error; after its end.
  std::string errors() const {
    std::string text(65536, '\0');
    const ssize_t got = ::read(error_.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    for (std::string& string : strings) pointers.push_back(string.data());
    pointers.push_back(nullptr);
    return pointers;
  }

  pid_t pid_ = -1;
  OwnedFd in_;
  OwnedFd out_;
  OwnedFd error_;
};

}  // namespace snaphammer::interposer::testing
