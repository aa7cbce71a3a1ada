// The log of one process: a file of lines with time, level, component and message.
//
//   log_to_file("/.../worker.log");
//   log_info("qemu", "QMP ready after {} ms", elapsed);
//
// Before log_to_file() lines of level warning and above go to standard error and others nowhere. Thread-safe.
// The log is for people who look for a cause: nothing is both logged and returned as an error.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "lib/base/result.h"

namespace snaphammer {

enum class LogLevel { kDebug, kInfo, kWarning };

/// From here on everything goes to `path` (appended), flushed line by line.
Result<void> log_to_file(const std::filesystem::path& path);

void log_line(LogLevel level, std::string_view component, std::string_view message);

template <class... Args>
void log_debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kDebug, component, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kInfo, component, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarning, component, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace snaphammer
