#include "harness/engine/run_events.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace snaphammer::engine {
namespace {

void tell(int fd, const char* key, std::string_view what) {
  if (fd < 0) return;
  using nlohmann::json;
  const std::string line = json{{key, what}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  // The pipe does not block, and one write of up to PIPE_BUF bytes is whole or not at all.
  [[maybe_unused]] const ssize_t written = ::write(fd, line.data(), line.size());
}

}  // namespace

void RunEvents::phase(std::string_view what) { tell(fd_, "phase", what); }

void RunEvents::finding(std::string_view id) {
  if (found_.emplace(id).second) tell(fd_, "finding", id);
}

std::optional<RunEvent> event_in(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto said = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  RunEvent event{.phase = said("phase"), .finding = said("finding")};
  if (event.phase.empty() == event.finding.empty()) return std::nullopt;
  return event;
}

}  // namespace snaphammer::engine
