#include "guest-workloads/agent/reaper.h"

#include <signal.h>
#include <sys/wait.h>

namespace snaphammer::guest {

Awaitable<agent::ProcessEnd> Child::wait() {
  while (!ended()) co_await changed_.wait();
  co_return end_;
}

void Child::signal_group(int signal) const {
  if (!ended()) ::kill(-pid_, signal);
}

Reaper::Reaper(asio::io_context& context) : executor_(context.get_executor()), ends_(executor_, SIGCHLD) { listen(); }

std::shared_ptr<Child> Reaper::adopt(pid_t pid) {
  auto child = std::make_shared<Child>(executor_, pid);
  if (const auto early = early_ends_.find(pid); early != early_ends_.end()) {
    child->end_ = early->second.end;
    early_ends_.erase(early);
    return child;
  }
  if (stopped_) child->signal_group(SIGKILL);
  return children_[pid] = std::move(child);
}

std::uint64_t Reaper::begin_start() {
  starts_.insert(++last_start_);
  return last_start_;
}

void Reaper::end_start(std::uint64_t number) {
  starts_.erase(number);
  // What came before the oldest of those that are left were orphans, or children of starts that failed.
  const std::uint64_t oldest = starts_.empty() ? last_start_ + 1 : *starts_.begin();
  std::erase_if(early_ends_, [oldest](const auto& entry) { return entry.second.last_start < oldest; });
}

void Reaper::listen() {
  ends_.async_wait([this](const boost::system::error_code& error, int) {
    if (error || stopped_) return;  // A signal that was under way when stop() came is no error.
    // Several ends may be one signal, so everything that has ended is reaped; an end after that loop
    // makes a new signal, which the set keeps until the next wait.
    reap();
    listen();
  });
}

void Reaper::reap() {
  int status = 0;
  while (true) {
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return;
    record(pid, status);
  }
}

void Reaper::record(pid_t pid, int status) {
  agent::ProcessEnd end;
  if (WIFEXITED(status)) end.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  const auto found = children_.find(pid);
  if (found == children_.end()) {
    // An orphan that nobody here started, unless somebody is just starting it.
    if (!starts_.empty()) early_ends_[pid] = {.end = end, .last_start = last_start_};
    return;
  }
  const std::shared_ptr<Child> child = found->second;
  children_.erase(found);
  child->end_ = end;
  child->changed_.notify();
}

void Reaper::stop() {
  stopped_ = true;
  for (const auto& [pid, child] : children_) child->signal_group(SIGKILL);
  while (!children_.empty()) {
    int status = 0;
    const pid_t pid = children_.begin()->first;
    if (::waitpid(pid, &status, 0) == pid) {
      record(pid, status);
    } else if (errno != EINTR) {
      children_.erase(pid);
    }
  }
  ends_.cancel();
}

}  // namespace snaphammer::guest
