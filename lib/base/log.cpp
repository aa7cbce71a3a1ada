#include "lib/base/log.h"

#include <memory>

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace snaphammer {
namespace {

std::shared_ptr<spdlog::logger> make_standard_error_logger() {
  auto logger = std::make_shared<spdlog::logger>("snaphammer", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%l: %v");
  logger->set_level(spdlog::level::warn);
  return logger;
}

// Swapped as a whole, atomically: a thread that logs keeps the logger it has taken.
std::atomic<std::shared_ptr<spdlog::logger>>& current() {
  static auto* const logger = new std::atomic<std::shared_ptr<spdlog::logger>>(make_standard_error_logger());
  return *logger;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
  }
  return spdlog::level::warn;
}

}  // namespace

Result<void> log_to_file(const std::filesystem::path& path) {
  try {
    auto logger = std::make_shared<spdlog::logger>("snaphammer",
                                                   std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string()));
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%f %t %l %v");
    logger->set_level(spdlog::level::debug);
    logger->flush_on(spdlog::level::debug);
    current().store(std::move(logger));
    return {};
  } catch (const spdlog::spdlog_ex& error) {
    return Error(ErrorKind::kIo, std::string("open log: ") + error.what());
  }
}

void log_line(LogLevel level, std::string_view component, std::string_view message) {
  current().load()->log(to_spdlog(level), "[{}] {}", component, message);
}

}  // namespace snaphammer
