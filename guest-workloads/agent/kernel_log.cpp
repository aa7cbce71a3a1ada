#include "guest-workloads/agent/kernel_log.h"

#include <array>
#include <charconv>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/start_task.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::guest {
namespace {

// The kernel's CONSOLE_EXT_LOG_MAX: a read with less room fails.
constexpr std::size_t kLongestRecord = 8192;
constexpr unsigned kPriorityBits = 7;  // The rest of the number is the facility.

std::uint64_t take_number(std::string_view& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(std::min(text.size(), text.find(',') + 1));
  return number;
}

}  // namespace

nlohmann::json kernel_record(std::string_view record) {
  const std::size_t separator = record.find(';');
  std::string_view prefix = record.substr(0, separator);
  std::string_view text = separator == std::string_view::npos ? "" : record.substr(separator + 1);
  text = text.substr(0, text.find('\n'));
  const std::uint64_t priority = take_number(prefix) & kPriorityBits;
  take_number(prefix);  // The kernel's own sequence number.
  const std::uint64_t time_us = take_number(prefix);
  return {{"priority", priority}, {"time_us", time_us}, {"text", text}};
}

KernelLog::KernelLog(const asio::any_io_executor& executor, OutputStream& output) : log_(executor), output_(output) {}

Result<void> KernelLog::start() {
  UniqueFd log(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!log) return errno_error("open /dev/kmsg");
  if (::lseek(log.get(), 0, SEEK_END) < 0) return errno_error("seek in /dev/kmsg");
  log_.assign(log.release());
  start_task(log_.get_executor(), run());
  return {};
}

void KernelLog::stop() {
  boost::system::error_code ignored;
  if (log_.is_open()) log_.close(ignored);
}

Awaitable<void> KernelLog::run() {
  std::array<char, kLongestRecord> record;
  while (true) {
    auto [error, n] = co_await log_.async_read_some(asio::buffer(record), as_result);
    if (error == asio::error::broken_pipe) {
      // Records were overwritten before they were read; the next read goes on behind them.
      output_.emit("kernel", {{"priority", 4}, {"time_us", 0}, {"text", "(kernel messages were lost)"}});
      continue;
    }
    if (error) co_return;
    output_.emit("kernel", kernel_record({record.data(), n}));
  }
}

}  // namespace snaphammer::guest
