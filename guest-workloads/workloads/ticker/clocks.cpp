#include "guest-workloads/workloads/ticker/clocks.h"

#include <charconv>

#include <time.h>

#include "guest-workloads/workloads/base/generation.h"
#include "guest-workloads/workloads/base/small_file.h"

namespace snaphammer::ticker {
namespace {

using namespace std::chrono_literals;

constexpr auto kTogether = 1ms;  // Between two readings of the clock around another: then they are of one moment.
constexpr int kTries = 100;

Nanoseconds now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

std::optional<std::chrono::seconds> read_seconds(const std::string& path) {
  const std::string text = workload::read_small_file(path);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace

Nanoseconds monotonic_now() { return now(CLOCK_MONOTONIC); }
Nanoseconds wall_now() { return now(CLOCK_REALTIME); }

Reading Clocks::read() const {
  Reading reading;
  reading.generation = workload::read_generation(identity_);
  reading.clock_setting = workload::read_clock_setting(identity_);
  reading.hardware = read_seconds(hardware_clock_);
  // Whoever is interrupted in between reads a difference that there is not; then it is read again.
  for (int i = 0; i < kTries; ++i) {
    const Nanoseconds before = monotonic_now();
    reading.wall = wall_now();
    reading.monotonic = monotonic_now();
    if (reading.monotonic - before < kTogether) break;
  }
  return reading;
}

}  // namespace snaphammer::ticker
