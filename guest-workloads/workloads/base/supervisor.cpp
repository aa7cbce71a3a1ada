#include "guest-workloads/workloads/base/supervisor.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/output.h"

namespace snaphammer::workload {
namespace {

constexpr std::size_t kLastWords = 1024;
using namespace std::chrono_literals;

// What a program does to itself. SIGKILL and the like come from outside, and say nothing of its memory.
bool is_fatal_error(int signal) {
  return signal == SIGABRT || signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
         signal == SIGTRAP;
}

/// Passes on what the child writes to its standard error, until it closes it; returns the end of that.
std::string relay_errors(int source) {
  std::string last;
  char bytes[512];
  while (true) {
    const ssize_t n = ::read(source, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return last;
    const auto count = static_cast<std::size_t>(n);
    std::fwrite(bytes, 1, count, stderr);
    last.append(bytes, count);
    if (last.size() > kLastWords) last.erase(0, last.size() - kLastWords);
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

void speak_for_the_dead(const std::string& finding, int signal, const std::string& last_words,
                        std::atomic<unsigned>& checks_waiting) {
  Output output;
  output.write("\n");  // It may have died in the middle of a line.
  output.write(finding_line(finding, std::string("the program died: ") + ::strsignal(signal),
                            JsonObject().add("signal", signal).add("last_words", last_words)));
  output.flush();
  Commands commands(STDIN_FILENO, output, {.checks_waiting = &checks_waiting});
  while (commands.serve_until_check(Commands::Clock::now() + 1h)) {
    for (; commands.checks_waiting() != 0; commands.check_answered()) {
      output.write(verdict_line(false, JsonObject().add("died_of_signal", signal)));
      output.flush();
    }
  }
}

}  // namespace

int supervise(const std::string& finding, const std::function<int(std::atomic<unsigned>& checks_waiting)>& work) {
  void* shared =
      ::mmap(nullptr, sizeof(std::atomic<unsigned>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int errors[2];
  if (shared == MAP_FAILED || ::pipe2(errors, O_CLOEXEC) != 0) {
    std::perror("make what is shared with a child process");
    return 1;
  }
  auto& checks_waiting = *new (shared) std::atomic<unsigned>(0);
  const pid_t supervisor = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("start a process");
    return 1;
  }
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != supervisor) ::_exit(1);
    ::dup2(errors[1], STDERR_FILENO);
    ::close(errors[0]);
    ::close(errors[1]);
    std::exit(work(checks_waiting));
  }
  ::close(errors[1]);
  const std::string last_words = relay_errors(errors[0]);
  ::close(errors[0]);
  const int status = wait_for(child);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int signal = WTERMSIG(status);
  if (!is_fatal_error(signal)) {  // It ends the same way.
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    return 1;
  }
  speak_for_the_dead(finding, signal, last_words, checks_waiting);
  return 1;
}

}  // namespace snaphammer::workload
