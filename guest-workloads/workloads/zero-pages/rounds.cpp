#include "guest-workloads/workloads/zero-pages/rounds.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace snaphammer::zero_pages {
namespace {

// Pages between two looks at the commands: some milliseconds of an emulated CPU.
constexpr std::size_t kBlock = 256;
constexpr int kForever = -1;

std::span<std::uint64_t> map_memory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return {};
  return {static_cast<std::uint64_t*>(memory), bytes / sizeof(std::uint64_t)};
}

int milliseconds_until(std::chrono::steady_clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

}  // namespace

Rounds::Rounds(const Options& options, int commands)
    : options_(options),
      commands_(commands),
      output_(counters_),
      memory_(map_memory(options.resident)),
      sweep_(memory_, options.seed, output_) {}

Rounds::~Rounds() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size_bytes());
}

bool Rounds::run() {
  if (memory_.empty()) {
    std::fprintf(stderr, "zero-pages: map %zu bytes: %s\n", options_.resident, std::strerror(errno));
    return false;
  }
  while (take_fresh() && hold() && verify()) {
    if (options_.rounds != 0 && counters_.rounds >= options_.rounds) break;
    if (!give_back_and_settle()) break;
  }
  output_.flush();
  return true;
}

// Each phase returns false when it is time to end.

bool Rounds::sweep(Pass pass, std::uint64_t& counter) {
  for (std::size_t first = 0; first < sweep_.pages(); first += kBlock) {
    if (!serve_commands(0)) return false;
    const std::size_t count = std::min(kBlock, sweep_.pages() - first);
    (sweep_.*pass)(round_, first, count);
    counter += count;
  }
  return true;
}

bool Rounds::take_fresh() {
  ++round_;
  if (!sweep(&Sweep::fresh, counters_.fresh_pages)) return false;
  filled_at_ = Clock::now();
  if (++counters_.rounds == 1) {
    output_.write(ready_line(sweep_.pages(), reinterpret_cast<std::uintptr_t>(memory_.data())));
  } else {
    ++fresh_rounds_since_check_;
  }
  output_.write(beat_line("filled", round_, counters_));
  output_.flush();
  return true;
}

bool Rounds::hold() {
  const auto end = Clock::now() + options_.hold;
  while (true) {
    if (!answer_check()) return false;
    if (checks_waiting_ != 0 || Clock::now() >= end) return true;  // A check that waits needs the next round.
    if (!wait_until(end, true)) return false;
  }
}

bool Rounds::verify() {
  if (!sweep(&Sweep::verify, counters_.verified_pages)) return false;
  output_.write(beat_line("verified", round_, counters_));
  output_.flush();
  return true;
}

bool Rounds::give_back_and_settle() {
  ::madvise(memory_.data(), memory_.size_bytes(), MADV_DONTNEED);
  output_.write(beat_line("given-back", round_, counters_));
  output_.flush();
  return wait_until(Clock::now() + options_.settle, false);
}

bool Rounds::answer_check() {
  while (checks_waiting_ != 0 && !needs_fresh()) {
    if (!verify()) return false;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - filled_at_);
    output_.write(verdict_line(counters_, static_cast<std::uint64_t>(age.count())));
    output_.flush();
    --checks_waiting_;
    fresh_rounds_since_check_ = 0;
  }
  return true;
}

// Serves commands until `end`, or, when asked, until a check waits.
bool Rounds::wait_until(Clock::time_point end, bool until_check) {
  while (Clock::now() < end) {
    if (!serve_commands(milliseconds_until(end))) return false;
    if (until_check && checks_waiting_ != 0) return true;
  }
  return true;
}

// Obeys what has come, or comes within the timeout; while quiesced, stays here until `resume` or a check.
bool Rounds::serve_commands(int timeout_ms) {
  do {
    const bool idle = quiesced_ && checks_waiting_ == 0;
    pollfd ready{.fd = commands_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, idle ? kForever : timeout_ms) > 0) {
      char bytes[512];
      const ssize_t n = ::read(commands_, bytes, sizeof bytes);
      if (n <= 0 && errno != EINTR) return false;
      input_.append(bytes, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
    std::size_t end = 0;
    while ((end = input_.find('\n')) != std::string::npos) {
      obey(input_.substr(0, end));
      input_.erase(0, end + 1);
    }
  } while (quiesced_ && checks_waiting_ == 0 && !stopped_);
  return !stopped_;
}

void Rounds::obey(const std::string& command) {
  if (command == "check") {
    ++checks_waiting_;
  } else if (command == "quiesce") {
    quiesced_ = true;
    output_.write(state_line("quiesced"));
  } else if (command == "resume") {
    quiesced_ = false;
    output_.write(state_line("resumed"));
  } else if (command == "stop") {
    stopped_ = true;
  } else {
    std::fprintf(stderr, "zero-pages: unknown command '%s'\n", command.c_str());
  }
  output_.flush();
}

}  // namespace snaphammer::zero_pages
