#include "guest-workloads/workloads/ticker/clocks.h"

#include <charconv>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

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

/// Up to some thousand bytes; empty when it cannot be read.
std::string read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  char bytes[4096];
  const ssize_t n = ::read(file, bytes, sizeof bytes);
  ::close(file);
  return n > 0 ? std::string(bytes, static_cast<std::size_t>(n)) : "";
}

std::optional<std::chrono::seconds> read_seconds(const std::string& path) {
  const std::string text = read_file(path);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

/// The value of one text field of the agent's JSON.
std::string read_generation(const std::string& path) {
  const std::string text = read_file(path);
  constexpr std::string_view kField = "\"generation\":\"";
  const std::size_t at = text.find(kField);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + kField.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

}  // namespace

Nanoseconds monotonic_now() { return now(CLOCK_MONOTONIC); }
Nanoseconds wall_now() { return now(CLOCK_REALTIME); }

Reading Clocks::read() const {
  Reading reading;
  reading.generation = read_generation(identity_);
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
