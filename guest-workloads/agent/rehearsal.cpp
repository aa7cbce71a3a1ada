#include "guest-workloads/agent/rehearsal.h"

#include <cerrno>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace snaphammer::guest {
namespace {

void rehearse() {
  const Result<Process> process = spawn({.command = {"true"}, .environment = {}, .directory = "/"});
  if (!process) return;
  while (::waitpid(process->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<void> Rehearsal::begin() {
  char path[256];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length < 0) return errno_error("read /proc/self/exe");
  const std::string self(path, static_cast<std::size_t>(length));
  SNAP_ASSIGN(helper_, spawn({.command = {self, std::string(kHelper)}, .environment = {}, .directory = "/"}));
  child_ = reaper_.adopt(helper_.pid);
  return {};
}

void Rehearsal::again() {
  if (child_ == nullptr || child_->ended()) return;
  // A full pipe, or one without a reader: there is nobody to ask.
  static_cast<void>(!::write(helper_.input.get(), "!", 1));
}

int Rehearsal::run_helper() {
  for (char byte = 0; ::read(STDIN_FILENO, &byte, 1) == 1;) rehearse();
  return 0;
}

}  // namespace snaphammer::guest
