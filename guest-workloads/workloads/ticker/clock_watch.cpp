#include "guest-workloads/workloads/ticker/clock_watch.h"

namespace snaphammer::ticker {
namespace {

using namespace std::chrono_literals;
using workload::JsonObject;

constexpr auto kJump = 20ms;  // Less is how exactly two clocks are read together.

std::string in_ms(Nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + " ms";
}

JsonObject evidence(const char* kind, const Reading& reading) {
  JsonObject json;
  json.add("kind", kind).add("monotonic_ns", reading.monotonic.count()).add("wall_ns", reading.wall.count());
  if (reading.hardware) json.add("hardware_s", reading.hardware->count());
  if (!reading.generation.empty()) json.add("generation", reading.generation);
  return json;
}

/// How far `wall` is outside of the second that the hardware clock shows.
Nanoseconds distance(Nanoseconds wall, std::chrono::seconds hardware) {
  if (wall < hardware) return wall - hardware;
  if (wall >= hardware + 1s) return wall - hardware - 1s;
  return 0ns;
}

}  // namespace

void ClockWatch::take(const Reading& reading) {
  ++seen_.readings;
  if (last_) {
    if (reading.monotonic < last_->monotonic) {
      tell_({"the monotonic clock went back by " + in_ms(last_->monotonic - reading.monotonic),
             evidence("monotonic-backwards", reading).add("before_ns", last_->monotonic.count())});
    }
    look_for_setting(reading);
    look_for_jump(reading);
  }
  judge_jumps(reading.monotonic);
  compare_with_hardware(reading);
  last_ = reading;
}

void ClockWatch::look_for_setting(const Reading& reading) {
  if (reading.clock_setting != last_->clock_setting) last_setting_ = reading.monotonic;
  if (reading.generation.empty() || reading.generation == last_->generation) return;
  ++seen_.restores;
  last_setting_ = last_restore_ = reading.monotonic;
}

void ClockWatch::look_for_jump(const Reading& reading) {
  const Nanoseconds by = (reading.wall - last_->wall) - (reading.monotonic - last_->monotonic);
  if (by < kJump && by > -kJump) return;
  ++seen_.jumps;
  seen_.last_jump = by;
  if (by > 0ns) last_restore_ = reading.monotonic;
  if (by < -limits_.skew) {
    tell_({"the wall clock went back by " + in_ms(-by), evidence("wall-backwards", reading).add("by_ns", by.count())});
  } else if (by > limits_.skew && !reading.generation.empty()) {
    unexplained_.push_back({reading.monotonic, by});
  }
}

// The agent sets the clock and then says so; somebody may read in between.
void ClockWatch::judge_jumps(Nanoseconds now) {
  while (!unexplained_.empty()) {
    const Jump& jump = unexplained_.front();
    const bool explained = last_setting_ && *last_setting_ >= jump.at - limits_.grace;
    if (!explained && now - jump.at < limits_.grace) return;
    if (!explained) {
      tell_({"the wall clock jumped forward by " + in_ms(jump.by) + " without a restore, and the host has not set it",
             JsonObject().add("kind", "wall-jump").add("monotonic_ns", jump.at.count()).add("by_ns", jump.by.count())});
    }
    unexplained_.pop_front();
  }
}

void ClockWatch::compare_with_hardware(const Reading& reading) {
  if (!reading.hardware) return;
  ++seen_.compared;
  seen_.off = distance(reading.wall, *reading.hardware);
  if (seen_.off <= limits_.skew && seen_.off >= -limits_.skew) {
    off_since_.reset();
    off_told_ = false;
    return;
  }
  if (off_told_) return;
  if (!off_since_) off_since_ = reading.monotonic;
  if (reading.monotonic - *off_since_ < limits_.grace) return;
  tell_({"the wall clock is off the hardware clock by " + in_ms(seen_.off) + ", and nobody has set it in " +
             in_ms(reading.monotonic - *off_since_),
         evidence("wall-not-set", reading).add("off_ns", seen_.off.count())});
  off_since_.reset();
  off_told_ = true;
}

}  // namespace snaphammer::ticker
