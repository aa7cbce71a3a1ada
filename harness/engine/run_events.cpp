#include "harness/engine/run_events.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace snaphammer::engine {

void RunEvents::phase(std::string_view what) {
  if (fd_ < 0) return;
  using nlohmann::json;
  const std::string line = json{{"phase", what}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  // The pipe does not block, and one write of up to PIPE_BUF bytes is whole or not at all.
  [[maybe_unused]] const ssize_t written = ::write(fd_, line.data(), line.size());
}

std::optional<std::string> phase_of_event(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto phase = json.find("phase");
  if (phase == json.end() || !phase->is_string()) return std::nullopt;
  return phase->get<std::string>();
}

}  // namespace snaphammer::engine
