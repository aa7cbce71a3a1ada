#include "lib/agent/exec_protocol.h"

#include <algorithm>

#include "lib/agent/base64.h"
#include "lib/agent/json_fields.h"
#include "lib/agent/protocol.h"

namespace snaphammer::agent {
namespace {

constexpr std::size_t kMaxId = 64;

struct NamedEvent {
  ExecEvent event;
  const char* name;
};
constexpr NamedEvent kExecEvents[] = {{ExecEvent::kStarted, "started"},
                                      {ExecEvent::kStdout, "stdout"},
                                      {ExecEvent::kStderr, "stderr"},
                                      {ExecEvent::kExit, "exit"}};

}  // namespace

std::string ProcessEnd::describe() const {
  if (code) return "exited with status " + std::to_string(*code);
  if (signal) return "was killed by signal " + std::to_string(*signal);
  return "is still running";
}

nlohmann::json ExecRequest::to_json() const {
  return {{"id", id},
          {"command", command},
          {"environment", environment},
          {"directory", directory},
          {"input", base64_encode(input)},
          {"timeout_ms", std::chrono::ceil<std::chrono::milliseconds>(timeout).count()}};
}

Result<ExecRequest> ExecRequest::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "exec request");
  ExecRequest request;
  request.id = fields.text("id");
  request.command = fields.texts("command");
  request.environment = fields.text_map("environment");
  request.directory = fields.text("directory", "/");
  request.input = fields.base64("input", "");
  const std::uint64_t timeout_ms = fields.count("timeout_ms");
  SNAP_TRY(fields.finish());
  if (request.id.empty() || request.id.size() > kMaxId) {
    return Error(ErrorKind::kInvalid, "exec request: an id has 1 to 64 characters");
  }
  if (request.command.empty()) return Error(ErrorKind::kInvalid, "exec request: an empty command");
  SNAP_ASSIGN(request.timeout, timeout_from_ms(timeout_ms));
  return request;
}

nlohmann::json ExecFrame::to_json() const {
  nlohmann::json json;
  for (const NamedEvent& named : kExecEvents) {
    if (named.event == event) json["type"] = named.name;
  }
  if (event == ExecEvent::kStdout || event == ExecEvent::kStderr) json["data"] = base64_encode(data);
  if (event == ExecEvent::kExit) {
    if (end.code) json["code"] = *end.code;
    if (end.signal) json["signal"] = *end.signal;
    if (timed_out) json["timed_out"] = true;
    if (recorded) json["recorded"] = true;
    if (!error.empty()) json["error"] = error;
  }
  return json;
}

Result<ExecFrame> ExecFrame::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "exec frame");
  ExecFrame frame;
  const std::string type = fields.text("type");
  const auto* named = std::find_if(std::begin(kExecEvents), std::end(kExecEvents),
                                   [&](const NamedEvent& known) { return known.name == type; });
  if (named == std::end(kExecEvents)) {
    return Error(ErrorKind::kInvalid, "exec frame: unknown type '" + type + "'");
  }
  frame.event = named->event;
  if (frame.event == ExecEvent::kStdout || frame.event == ExecEvent::kStderr) {
    frame.data = fields.base64("data");
  } else if (frame.event == ExecEvent::kExit) {
    frame.end.code = fields.optional_int("code");
    frame.end.signal = fields.optional_int("signal");
    frame.timed_out = fields.boolean("timed_out", false);
    frame.recorded = fields.boolean("recorded", false);
    frame.error = fields.text("error", "");
  }
  SNAP_TRY(fields.finish());
  return frame;
}

}  // namespace snaphammer::agent
