#include "guest-workloads/workloads/zero-pages/rounds.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace snaphammer::zero_pages {
namespace {

// Pages between two looks at the commands: some milliseconds of an emulated CPU.
constexpr std::size_t kBlock = 256;

}  // namespace

Rounds::Rounds(const Options& options, int commands)
    : options_(options),
      commands_(commands, output_, {.other = [this](const std::string& command) { return set_aside_.obey(command); }}),
      reporter_(counters_, output_),
      memory_(options.resident),
      sweep_(memory_.words(), options.seed, reporter_),
      set_aside_(sweep_, counters_, output_, options.seed) {}

bool Rounds::run() {
  if (!memory_) {
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
    if (!commands_.serve()) return false;
    const std::size_t count = std::min(kBlock, sweep_.pages() - first);
    counter += (sweep_.*pass)(round_, first, count);
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
  set_aside_.pages_filled();
  return true;
}

bool Rounds::hold() {
  const auto end = Clock::now() + options_.hold;
  while (true) {
    if (!answer_check()) return false;
    if (commands_.checks_waiting() != 0 || Clock::now() >= end) return true;  // A waiting check needs the next round.
    if (!commands_.serve_until_check(end)) return false;
  }
}

bool Rounds::verify() {
  if (!sweep(&Sweep::verify, counters_.verified_pages)) return false;
  output_.write(beat_line("verified", round_, counters_));
  output_.flush();
  return true;
}

bool Rounds::give_back_and_settle() {
  sweep_.give_back(0, sweep_.pages());
  output_.write(beat_line("given-back", round_, counters_));
  output_.flush();
  return commands_.serve_until(Clock::now() + options_.settle);
}

bool Rounds::answer_check() {
  while (commands_.checks_waiting() != 0 && !needs_fresh()) {
    if (!verify()) return false;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - filled_at_);
    output_.write(verdict_line(counters_, static_cast<std::uint64_t>(age.count())));
    output_.flush();
    commands_.check_answered();
    // From one check to the next there is memory that was wiped while it was in use.
    std::uint64_t not_counted = 0;
    if (!sweep(&Sweep::wipe, not_counted)) return false;
    fresh_rounds_since_check_ = 0;
  }
  return true;
}

}  // namespace snaphammer::zero_pages
