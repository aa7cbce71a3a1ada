#include "guest-workloads/workloads/base/commands.h"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

#include "guest-workloads/workloads/base/json_line.h"

namespace snaphammer::workload {
namespace {

constexpr int kForever = -1;

std::chrono::milliseconds time_until(Commands::Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Commands::Clock::now());
  return std::clamp(left, std::chrono::milliseconds(0), std::chrono::milliseconds(1'000'000));
}

}  // namespace

bool Commands::serve(std::chrono::milliseconds timeout) {
  do {
    const bool idle = quiesced_ && checks_waiting_ == 0;
    pollfd ready{.fd = descriptor_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, idle ? kForever : static_cast<int>(timeout.count())) > 0) {
      char bytes[512];
      const ssize_t n = ::read(descriptor_, bytes, sizeof bytes);
      if (n == 0 || (n < 0 && errno != EINTR)) return false;
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

bool Commands::serve_until(Clock::time_point end) {
  do {
    if (!serve(time_until(end))) return false;
  } while (Clock::now() < end);
  return true;
}

bool Commands::serve_until_check(Clock::time_point end) {
  do {
    if (!serve(checks_waiting_ != 0 ? std::chrono::milliseconds(0) : time_until(end))) return false;
  } while (checks_waiting_ == 0 && Clock::now() < end);
  return true;
}

void Commands::obey(const std::string& command) {
  if (command == "check") {
    ++checks_waiting_;
  } else if (command == "collect") {
    output_.write(JsonObject("collected").line());  // Nothing here is ever garbage.
  } else if (command == "quiesce" || command == "quiesce keep-threads") {
    quiesced_ = true;
    if (ties_.quiesce) ties_.quiesce();
    output_.write(JsonObject("quiesced").line());
  } else if (command == "resume") {
    quiesced_ = false;
    if (ties_.resume) ties_.resume();
    output_.write(JsonObject("resumed").line());
  } else if (command == "stop") {
    stopped_ = true;
  } else if (!ties_.other || !ties_.other(command)) {
    output_.write(refused_line(command, "this workload has no such command"));
  }
  output_.flush();
}

}  // namespace snaphammer::workload
