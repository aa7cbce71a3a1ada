#include "guest-workloads/workloads/spawn/spawning.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace snaphammer::spawn {
namespace {

using namespace std::chrono_literals;
using workload::hex;
using workload::JsonObject;

constexpr auto kBeatEvery = 1s;

const char* describe(int status) {
  switch (status) {
    case kWrongMemory:
      return "memory that it inherited, wrote or was sent does not read back";
    case kWrongChild:
      return "one of its processes ended with another status than its own";
    default:
      return "it could not do its work";
  }
}

/// CPU time of the children that were waited for: theirs counts as ours.
std::chrono::nanoseconds children_time() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

}  // namespace

Spawning::Spawning(const Options& options, int commands)
    : options_(options),
      commands_(commands, output_),
      pace_(options.cpu, children_time),
      family_(options.seed, {.depth = options.depth, .fan = options.fan, .linger = options.linger}) {}

bool Spawning::run() {
  output_.write(JsonObject("ready")
                    .add("processes_per_round", family_.processes())
                    .add("inheritance", reinterpret_cast<std::uintptr_t>(family_.inheritance().data()))
                    .line());
  output_.flush();
  do {
    if (!round()) return false;
    answer_checks();
    beat_when_due();
  } while (rest());
  return true;
}

bool Spawning::round() {
  ++rounds_;
  output_.flush();  // Before forks: no child writes it again.
  if (!grow_tree() || !leave_orphans()) {
    std::fprintf(stderr, "spawn: start a process: %s\n", std::strerror(errno));
    return false;
  }
  look_at_orphans();
  account();
  return true;
}

bool Spawning::grow_tree() {
  const pid_t tree = family_.start_tree(rounds_);
  if (tree < 0) return false;
  const bool in_time = await_end(tree);
  if (!in_time) {
    report("hang", "a tree of processes has not ended after " + std::to_string(options_.hang.count()) + " ms",
           JsonObject().add("round", rounds_).add("process", tree));
    ::kill(-tree, SIGKILL);
  }
  int status = 0;
  while (::waitpid(tree, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return true;
  processes_ += family_.processes();
  const int expected = family_.tree_status(rounds_);
  if (WIFEXITED(status) && WEXITSTATUS(status) == expected) return true;
  const int read = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  report("lost-write", std::string("a tree of processes failed: ") + describe(read),
         JsonObject().add("round", rounds_).add("process", tree).add("expected_status", expected).add("status", read));
  return true;
}

bool Spawning::await_end(pid_t process) {
  const auto end = Clock::now() + options_.hang;
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  if (descriptor < 0) return true;  // Then it is waited for, however long it takes.
  pollfd ended{.fd = descriptor, .events = POLLIN, .revents = 0};
  bool has_ended = false;
  while (!has_ended && Clock::now() < end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    const auto slice = std::clamp<std::chrono::milliseconds>(left, 0ms, kBeatEvery);
    has_ended = ::poll(&ended, 1, static_cast<int>(slice.count())) > 0;
    beat_when_due();
  }
  ::close(descriptor);
  return has_ended;
}

bool Spawning::leave_orphans() {
  for (std::uint64_t i = 0; i < options_.orphans; ++i) {
    const pid_t orphan = family_.start_orphan();
    if (orphan < 0) return false;
    ++processes_;
    const auto state = process_state(orphan);
    if (state) orphans_.push_back({orphan, state->started, Clock::now()});
    if (!state) ++orphans_reaped_;  // It has ended already, and been reaped.
  }
  return true;
}

void Spawning::look_at_orphans() {
  const auto now = Clock::now();
  std::erase_if(orphans_, [&](const Orphan& orphan) {
    const auto state = process_state(orphan.process);
    if (!state || state->started != orphan.started) {
      ++orphans_reaped_;
      return true;
    }
    if (now - orphan.since < options_.hang + options_.linger) return false;
    const bool zombie = state->state == 'Z';
    report(zombie ? "leak" : "hang",
           "process " + std::to_string(orphan.process) +
               (zombie ? " is a zombie that its new parent does not reap" : ", whose parent is gone, does not end"),
           JsonObject()
               .add("process", orphan.process)
               .add("parent", state->parent)
               .add("state", std::string(1, state->state)));
    if (!zombie) ::kill(orphan.process, SIGKILL);
    return true;
  });
}

void Spawning::account() {
  use_ = own_use();
  descriptors_.add(use_.descriptors);
  resident_.add(use_.resident_kib);
  mapped_.add(use_.mapped_kib);
  judge("descriptors", "", descriptors_);
  judge("resident memory", " KiB", resident_);
  judge("mapped memory", " KiB", mapped_);
  for (const pid_t child : own_children()) {
    report("leak", "process " + std::to_string(child) + " was started and not waited for",
           JsonObject().add("process", child).add("round", rounds_));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

void Spawning::judge(const char* what, const char* unit, Growth& growth) {
  const auto trend = growth.trend();
  if (!trend) return;
  const std::string from = std::to_string(trend->first) + unit;
  const std::string to = std::to_string(trend->last) + unit;
  report("leak",
         std::string(what) + " grow: from " + from + " to " + to + " in " + std::to_string(trend->rounds) + " rounds",
         JsonObject()
             .add("what", what)
             .add("per_round", std::to_string(trend->per_round))
             .add("rounds", trend->rounds)
             .add("first", trend->first)
             .add("last", trend->last));
  growth.restart();
}

bool Spawning::rest() {
  const auto pause = std::max<std::chrono::nanoseconds>(pace_.rest(), options_.pause);
  const auto end = Clock::now() + pause;
  while (commands_.checks_waiting() == 0 && Clock::now() < end) {
    if (!commands_.serve_until_check(std::min(end, Clock::now() + kBeatEvery))) return false;
    beat_when_due();
  }
  return commands_.serve();
}

void Spawning::answer_checks() {
  for (; commands_.checks_waiting() != 0; commands_.check_answered()) {
    output_.write(workload::verdict_line(findings_ == 0, counters()));
    output_.flush();
  }
}

void Spawning::report(const char* id, const std::string& message, const JsonObject& evidence) {
  ++findings_;
  output_.write(workload::finding_line(id, message, evidence));
  output_.flush();
}

void Spawning::beat_when_due() {
  if (Clock::now() - last_beat_ < kBeatEvery) return;
  last_beat_ = Clock::now();
  output_.write(JsonObject("beat").add_all(counters()).line());
  output_.flush();
}

JsonObject Spawning::counters() const {
  return JsonObject()
      .add("rounds", rounds_)
      .add("processes", processes_)
      .add("orphans_reaped", orphans_reaped_)
      .add("orphans_waiting", orphans_.size())
      .add("descriptors", use_.descriptors)
      .add("resident_kib", use_.resident_kib)
      .add("mapped_kib", use_.mapped_kib)
      .add("findings", findings_);
}

}  // namespace snaphammer::spawn
