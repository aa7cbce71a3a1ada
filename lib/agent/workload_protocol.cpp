#include "lib/agent/workload_protocol.h"

#include "lib/agent/json_fields.h"

namespace snaphammer::agent {
namespace {

std::int64_t to_ms(Duration timeout) { return std::chrono::ceil<std::chrono::milliseconds>(timeout).count(); }

}  // namespace

nlohmann::json StartWorkload::to_json() const {
  return {{"workload", workload}, {"as", as}, {"args", args}, {"timeout_ms", to_ms(timeout)}};
}

Result<StartWorkload> StartWorkload::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "start request");
  StartWorkload start;
  start.workload = fields.text("workload");
  start.as = fields.text("as");
  start.args = fields.text_map("args");
  const std::uint64_t timeout_ms = fields.count("timeout_ms", 30'000);
  SNAP_TRY(fields.finish());
  if (!is_valid_name(start.workload) || !is_valid_name(start.as)) {
    return Error(ErrorKind::kInvalid, "start request: names have 1 to 64 of [a-z0-9-]");
  }
  SNAP_ASSIGN(start.timeout, timeout_from_ms(timeout_ms));
  return start;
}

nlohmann::json Crash::to_json() const { return {{"finding", finding}, {"headline", headline}, {"report", report}}; }

Result<Crash> Crash::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "crash");
  Crash crash;
  crash.finding = fields.text("finding");
  crash.headline = fields.text("headline");
  crash.report = fields.text("report");
  SNAP_TRY(fields.finish());
  if (!is_valid_name(crash.finding)) {
    return Error(ErrorKind::kInvalid, "crash: the id of a finding has 1 to 64 of [a-z0-9-]");
  }
  return crash;
}

nlohmann::json SetAside::to_json() const { return {{"pages", pages}, {"timeout_ms", to_ms(timeout)}}; }

Result<SetAside> SetAside::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "set-aside request");
  SetAside request;
  request.pages = fields.count("pages");
  const std::uint64_t timeout_ms = fields.count("timeout_ms");
  SNAP_TRY(fields.finish());
  SNAP_ASSIGN(request.timeout, timeout_from_ms(timeout_ms));
  return request;
}

nlohmann::json PagesSetAside::to_json() const { return {{"pages", addresses}}; }

Result<PagesSetAside> PagesSetAside::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "pages set aside");
  const nlohmann::json pages = fields.any("pages");
  SNAP_TRY(fields.finish());
  PagesSetAside result;
  const Error wrong(ErrorKind::kInvalid, "pages set aside: 'pages' is no list of addresses of pages");
  if (!pages.is_array()) return wrong;
  for (const nlohmann::json& page : pages) {
    if (!page.is_number_unsigned() || page.get<std::uint64_t>() % kPageSize != 0) return wrong;
    result.addresses.push_back(page.get<std::uint64_t>());
  }
  return result;
}

std::string_view name_of(PageContent content) { return content == PageContent::kZeros ? "zeros" : "written"; }

nlohmann::json TakeBack::to_json() const { return {{"expected", name_of(expected)}, {"timeout_ms", to_ms(timeout)}}; }

Result<TakeBack> TakeBack::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "take-back request");
  TakeBack request;
  const std::string expected = fields.text("expected");
  const std::uint64_t timeout_ms = fields.count("timeout_ms");
  SNAP_TRY(fields.finish());
  SNAP_ASSIGN(request.expected, named("take-back request", expected, {PageContent::kWritten, PageContent::kZeros}));
  SNAP_ASSIGN(request.timeout, timeout_from_ms(timeout_ms));
  return request;
}

nlohmann::json WorkloadInfo::to_json() const {
  nlohmann::json json = {{"as", as},
                         {"workload", workload},
                         {"pid", pid},
                         {"stderr_tail", stderr_tail},
                         {"findings", findings},
                         {"undelivered_bytes", undelivered_bytes}};
  if (end.code) json["code"] = *end.code;
  if (end.signal) json["signal"] = *end.signal;
  if (crash) json["crash"] = crash->to_json();
  return json;
}

Result<WorkloadInfo> WorkloadInfo::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "workload");
  WorkloadInfo info;
  info.as = fields.text("as");
  info.workload = fields.text("workload");
  info.pid = fields.integer("pid");
  info.end.code = fields.optional_int("code");
  info.end.signal = fields.optional_int("signal");
  info.stderr_tail = fields.text("stderr_tail");
  info.findings = fields.count("findings");
  info.undelivered_bytes = fields.count("undelivered_bytes");
  const nlohmann::json crash = fields.any("crash");
  SNAP_TRY(fields.finish());
  if (!crash.is_null()) {
    SNAP_ASSIGN(info.crash, Crash::from_json(crash));
  }
  return info;
}

nlohmann::json Finding::to_json() const {
  return {{"type", "finding"}, {"id", id}, {"message", message}, {"evidence", evidence}};
}

Result<Finding> Finding::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "finding");
  Finding finding;
  if (fields.text("type") != "finding") return Error(ErrorKind::kInvalid, "finding: another type");
  finding.id = fields.text("id");
  finding.message = fields.text("message");
  finding.evidence = fields.any("evidence");
  if (finding.evidence.is_null()) finding.evidence = nlohmann::json::object();
  SNAP_TRY(fields.finish());
  if (!is_valid_name(finding.id)) {
    return Error(ErrorKind::kInvalid, "finding: an id has 1 to 64 of [a-z0-9-]");
  }
  return finding;
}

nlohmann::json CheckReport::to_json() const {
  if (died) return {{"type", "died"}, {"workload", died->to_json()}};
  if (!late.empty()) return {{"type", "late"}, {"error", late}};
  nlohmann::json json = counters;
  json["type"] = "verdict";
  json["pass"] = pass;
  return json;
}

Result<CheckReport> CheckReport::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "check report");
  CheckReport report;
  const std::string type = fields.text("type");
  if (type == "died") {
    const nlohmann::json workload = fields.any("workload");
    SNAP_TRY(fields.finish());
    SNAP_ASSIGN(report.died, WorkloadInfo::from_json(workload));
    return report;
  }
  if (type == "late") {
    report.late = fields.text("error");
    SNAP_TRY(fields.finish());
    return report;
  }
  if (type != "verdict") {
    return Error(ErrorKind::kInvalid, "check report: unknown type '" + type + "'");
  }
  report.pass = fields.boolean("pass");
  report.counters = fields.rest();
  SNAP_TRY(fields.finish());
  return report;
}

}  // namespace snaphammer::agent
