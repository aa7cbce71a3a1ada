#include "lib/agent/protocol.h"

#include <algorithm>

#include "lib/agent/base64.h"
#include "lib/agent/json_fields.h"

namespace snaphammer::agent {
namespace {

constexpr std::size_t kMaxName = 64;

Duration nanoseconds(std::int64_t count) { return std::chrono::nanoseconds(count); }

}  // namespace

bool is_valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<Duration> timeout_from_ms(std::uint64_t milliseconds) {
  constexpr std::uint64_t kDay = 24ULL * 60 * 60 * 1000;
  if (milliseconds == 0 || milliseconds > kDay) {
    return Error(ErrorKind::kInvalid, "a timeout is 1 to 86400000 milliseconds");
  }
  return std::chrono::milliseconds(milliseconds);
}

nlohmann::json HealthReport::to_json() const {
  return {{"status", status},
          {"version", version},
          {"boot_id", boot_id},
          {"kernel", kernel},
          {"uptime_ns", uptime.count()},
          {"wall_clock_ns", wall_clock.count()},
          {"generation", generation},
          {"output_epoch", output_epoch},
          {"quiesced", quiesced},
          {"output_next_seq", output_next_seq}};
}

Result<HealthReport> HealthReport::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "health report");
  HealthReport report;
  report.status = fields.text("status");
  report.version = fields.text("version");
  report.boot_id = fields.text("boot_id");
  report.kernel = fields.text("kernel");
  report.uptime = nanoseconds(fields.integer("uptime_ns"));
  report.wall_clock = nanoseconds(fields.integer("wall_clock_ns"));
  report.generation = fields.text("generation");
  report.output_epoch = fields.count("output_epoch");
  report.quiesced = fields.boolean("quiesced");
  report.output_next_seq = fields.count("output_next_seq");
  SNAP_TRY(fields.finish());
  return report;
}

nlohmann::json Identity::to_json() const { return {{"name", name}, {"environment", environment}, {"token", token}}; }

Result<Identity> Identity::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "identity");
  Identity identity;
  identity.name = fields.text("name", "");
  identity.environment = fields.text_map("environment");
  identity.token = fields.text("token", "");
  SNAP_TRY(fields.finish());
  return identity;
}

std::string_view name_of(ListenerAfterReset listener) {
  switch (listener) {
    case ListenerAfterReset::kHandshake:
      return "handshake";
    case ListenerAfterReset::kDoubleRebind:
      return "double-rebind";
    case ListenerAfterReset::kUntouched:
      return "untouched";
  }
  return "";
}

std::string_view name_of(QuiesceGc gc) {
  switch (gc) {
    case QuiesceGc::kLast:
      return "last";
    case QuiesceGc::kFirst:
      return "first";
    case QuiesceGc::kOff:
      return "off";
  }
  return "";
}

std::string_view name_of(QuiescePorts ports) {
  switch (ports) {
    case QuiescePorts::kStop:
      return "stop";
    case QuiescePorts::kKeep:
      return "keep";
  }
  return "";
}

std::string_view name_of(UndoneBy by) {
  switch (by) {
    case UndoneBy::kInit:
      return "init";
    case UndoneBy::kHealthCheck:
      return "health-check";
  }
  return "";
}

nlohmann::json PrepareRequest::to_json() const {
  return {{"gc", name_of(gc)},
          {"single_thread", single_thread},
          {"ports", name_of(ports)},
          {"undone_by", name_of(undone_by)},
          {"timeout_ms", std::chrono::ceil<std::chrono::milliseconds>(timeout).count()}};
}

Result<PrepareRequest> PrepareRequest::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "prepare request");
  PrepareRequest request;
  const std::string gc = fields.text("gc");
  const std::string ports = fields.text("ports");
  const std::string undone_by = fields.text("undone_by");
  request.single_thread = fields.boolean("single_thread");
  const std::uint64_t timeout_ms = fields.count("timeout_ms");
  SNAP_TRY(fields.finish());
  SNAP_ASSIGN(request.gc, named("prepare request: gc", gc, {QuiesceGc::kLast, QuiesceGc::kFirst, QuiesceGc::kOff}));
  SNAP_ASSIGN(request.ports, named("prepare request: ports", ports, {QuiescePorts::kStop, QuiescePorts::kKeep}));
  SNAP_ASSIGN(request.undone_by,
              named("prepare request: undone_by", undone_by, {UndoneBy::kInit, UndoneBy::kHealthCheck}));
  SNAP_ASSIGN(request.timeout, timeout_from_ms(timeout_ms));
  return request;
}

nlohmann::json InitRequest::to_json() const {
  return {{"generation", generation},          {"wall_clock_ns", wall_clock.count()}, {"identity", identity.to_json()},
          {"entropy", base64_encode(entropy)}, {"listener", name_of(listener)},       {"policy", policy.to_json()}};
}

Result<InitRequest> InitRequest::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "init request");
  InitRequest request;
  request.generation = fields.text("generation");
  request.wall_clock = nanoseconds(fields.integer("wall_clock_ns", 0));
  request.entropy = fields.base64("entropy", "");
  const std::string listener = fields.text("listener", "handshake");
  const nlohmann::json identity = fields.any("identity");
  const nlohmann::json policy = fields.any("policy");
  SNAP_TRY(fields.finish());
  if (!identity.is_null()) {
    SNAP_ASSIGN(request.identity, Identity::from_json(identity));
  }
  if (!policy.is_null()) {
    SNAP_ASSIGN(request.policy, AgentPolicy::from_json(policy));
  }
  SNAP_ASSIGN(request.listener, named("init request: listener", listener,
                                      {ListenerAfterReset::kHandshake, ListenerAfterReset::kDoubleRebind,
                                       ListenerAfterReset::kUntouched}));
  if (request.generation.empty() || request.generation.size() > kMaxName) {
    return Error(ErrorKind::kInvalid, "init request: a generation has 1 to 64 characters");
  }
  if (request.wall_clock.count() < 0) {
    return Error(ErrorKind::kInvalid, "init request: a wall clock before 1970");
  }
  return request;
}

nlohmann::json ClockRequest::to_json() const { return {{"wall_clock_ns", wall_clock.count()}}; }

Result<ClockRequest> ClockRequest::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "clock request");
  ClockRequest request{.wall_clock = nanoseconds(fields.integer("wall_clock_ns"))};
  SNAP_TRY(fields.finish());
  if (request.wall_clock.count() <= 0) {
    return Error(ErrorKind::kInvalid, "clock request: a wall clock before 1970");
  }
  return request;
}

nlohmann::json InitReport::to_json() const {
  return {{"generation", generation}, {"clock_step_ns", clock_step.count()}, {"entropy_bytes", entropy_bytes}};
}

Result<InitReport> InitReport::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "init report");
  InitReport report;
  report.generation = fields.text("generation");
  report.clock_step = nanoseconds(fields.integer("clock_step_ns"));
  report.entropy_bytes = fields.count("entropy_bytes");
  SNAP_TRY(fields.finish());
  return report;
}

}  // namespace snaphammer::agent
