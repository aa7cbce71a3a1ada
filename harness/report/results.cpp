#include "harness/report/results.h"

#include <algorithm>
#include <array>

#include "harness/report/json_fields.h"

namespace snaphammer::report {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array<std::pair<Verdict, std::string_view>, 5> kVerdicts{{{Verdict::kPass, "pass"},
                                                                         {Verdict::kFail, "fail"},
                                                                         {Verdict::kInconclusive, "inconclusive"},
                                                                         {Verdict::kError, "error"},
                                                                         {Verdict::kSkipped, "skipped"}}};

/// Text that comes from a guest may be anything; results are UTF-8.
std::string utf8(const std::string& text) {
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}
json utf8(const json& value) {
  if (value.is_null()) return json::object();
  return json::parse(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

using Phases = std::vector<std::pair<std::string, double>>;

ordered_json write_phases(const Phases& phases) {
  ordered_json map = ordered_json::object();
  for (const auto& [name, ms] : phases) map[name] = ms;
  return map;
}
void read_phases(JsonReader& read, Phases& phases) {
  const ordered_json* map = read.find("phases_ms");
  if (map == nullptr) return;
  if (!map->is_object()) return read.fail("'phases_ms' is no object");
  for (const auto& [name, ms] : map->items()) {
    if (!ms.is_number()) return read.fail("'phases_ms' has a value that is no number");
    phases.emplace_back(name, ms.get<double>());
  }
}

ordered_json write(const Finding& finding) {
  ordered_json map{{"id", finding.id},
                   {"oracle", utf8(finding.oracle)},
                   {"message", utf8(finding.message)},
                   {"count", finding.count},
                   {"evidence", utf8(finding.evidence)}};
  if (finding.at_ms) map["at_ms"] = *finding.at_ms;
  return map;
}
void read_finding(JsonReader& read, Finding& finding) {
  read("id", finding.id);
  read("oracle", finding.oracle);
  read("message", finding.message);
  read("count", finding.count);
  read("evidence", finding.evidence);
  read("at_ms", finding.at_ms);
}

ordered_json write(const FaultReport& fault) {
  ordered_json map{{"name", fault.name}, {"acted", fault.acted}};
  map["first_at_ms"] = fault.first_at_ms ? ordered_json(*fault.first_at_ms) : ordered_json();
  return map;
}
void read_fault(JsonReader& read, FaultReport& fault) {
  read("name", fault.name);
  read("acted", fault.acted);
  read("first_at_ms", fault.first_at_ms);
}

ordered_json write(const RestoreReport& restore) {
  return {{"from", restore.from},
          {"guest", restore.guest},
          {"to_healthy_ms", restore.to_healthy_ms ? ordered_json(*restore.to_healthy_ms) : ordered_json()},
          {"phases_ms", write_phases(restore.phases_ms)},
          {"uffd", utf8(restore.uffd)}};
}
void read_restore(JsonReader& read, RestoreReport& restore) {
  read("from", restore.from);
  read("guest", restore.guest);
  read("to_healthy_ms", restore.to_healthy_ms);
  read_phases(read, restore.phases_ms);
  read("uffd", restore.uffd);
}

ordered_json write(const PauseReport& pause) {
  return {{"snapshot", pause.snapshot},
          {"type", pause.type},
          {"downtime_ms", pause.downtime_ms},
          {"phases_ms", write_phases(pause.phases_ms)},
          {"bytes", pause.bytes}};
}
void read_pause(JsonReader& read, PauseReport& pause) {
  read("snapshot", pause.snapshot);
  read("type", pause.type);
  read("downtime_ms", pause.downtime_ms);
  read_phases(read, pause.phases_ms);
  read("bytes", pause.bytes);
}

ordered_json write(const FreezeReport& freeze) {
  ordered_json map{{"at", freeze.at},
                   {"in", freeze.in},
                   {"address", freeze.address},
                   {"hits", freeze.hits},
                   {"elsewhere", freeze.elsewhere},
                   {"steps", freeze.steps},
                   {"after_ms", freeze.after_ms}};
  map["vcpu"] = freeze.vcpu ? ordered_json(*freeze.vcpu) : ordered_json();
  map["vcpus"] = freeze.vcpus.is_null() ? json::array() : utf8(freeze.vcpus);
  return map;
}
void read_freeze(JsonReader& read, FreezeReport& freeze) {
  read("at", freeze.at);
  read("in", freeze.in);
  read("address", freeze.address);
  read("hits", freeze.hits);
  read("elsewhere", freeze.elsewhere);
  read("steps", freeze.steps);
  read("after_ms", freeze.after_ms);
  const ordered_json* vcpu = read.find("vcpu");
  if (vcpu != nullptr && !vcpu->is_null()) read("vcpu", freeze.vcpu.emplace());
  read("vcpus", freeze.vcpus);
}

ordered_json write(const ExecStressReport& stress) {
  return {{"parallel", stress.parallel},
          {"slowest_ms", stress.slowest_ms},
          {"single_ms", stress.single_ms ? ordered_json(*stress.single_ms) : ordered_json()}};
}
void read_exec_stress(JsonReader& read, ExecStressReport& stress) {
  read("parallel", stress.parallel);
  read("slowest_ms", stress.slowest_ms);
  read("single_ms", stress.single_ms);
}

void read_verdict(JsonReader& read, Verdict& verdict) {
  std::string word;
  read("verdict", word);
  const auto found = std::find_if(kVerdicts.begin(), kVerdicts.end(), [&](const auto& v) { return v.second == word; });
  if (found == kVerdicts.end()) return read.fail("'verdict' is unknown");
  verdict = found->first;
}

ordered_json write(const Expects& expects) {
  return {{"verdict", name_of(expects.verdict)}, {"findings", expects.findings}};
}
CpuTime read_cpu_time(JsonReader& read, const ordered_json& stored) {
  CpuTime cpu;
  JsonReader inner(stored, "cpu_ms");
  inner("harness", cpu.harness_ms);
  inner("vmm", cpu.vmm_ms);
  if (!inner.status()) read.fail("'cpu_ms' cannot be read: " + inner.status().error().message());
  return cpu;
}

Expects read_expects(JsonReader& read, const ordered_json& stored) {
  Expects expects;
  JsonReader inner(stored, "expects");
  read_verdict(inner, expects.verdict);
  const ordered_json* findings = inner.find("findings");
  const auto is_text = [](const ordered_json& value) { return value.is_string(); };
  if (findings != nullptr && findings->is_array() && std::ranges::all_of(*findings, is_text)) {
    expects.findings = findings->get<std::vector<std::string>>();
  } else {
    inner.fail("'findings' is no list of texts");
  }
  if (!inner.status()) read.fail("'expects' cannot be read: " + inner.status().error().message());
  return expects;
}

ordered_json write(const Attempt& attempt) {
  return {{"verdict", name_of(attempt.verdict)}, {"message", utf8(attempt.message)}, {"artifacts", attempt.artifacts}};
}
void read_attempt(JsonReader& read, Attempt& attempt) {
  read_verdict(read, attempt.verdict);
  read("message", attempt.message);
  read("artifacts", attempt.artifacts);
}

template <class T>
ordered_json write_all(const std::vector<T>& values) {
  ordered_json list = ordered_json::array();
  for (const T& value : values) list.push_back(write(value));
  return list;
}

void read_point(JsonReader& read, RunResult& run) {
  const ordered_json* point = read.find("point");
  if (point == nullptr) return;
  if (!point->is_object()) return read.fail("'point' is no object");
  for (const auto& [path, value] : point->items()) run.point.emplace_back(path, value);
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  for (const auto& [value, name] : kVerdicts) {
    if (value == verdict) return name;
  }
  return "?";
}

std::vector<double> RunResult::times_to_healthy() const {
  std::vector<double> times;
  for (const RestoreReport& restore : restores) {
    if (restore.to_healthy_ms) times.push_back(*restore.to_healthy_ms);
  }
  return times;
}

ordered_json to_json(const RunResult& run) {
  ordered_json point = ordered_json::object();
  for (const auto& [path, value] : run.point) point[path] = value;
  ordered_json stored{{"id", run.id},
                      {"scenario", run.scenario},
                      {"point", point},
                      {"seed", run.seed},
                      {"verdict", name_of(run.verdict)},
                      {"expected", run.expected},
                      {"message", utf8(run.message)},
                      {"findings", write_all(run.findings)},
                      {"faults", write_all(run.faults)},
                      {"restores", write_all(run.restores)},
                      {"pauses", write_all(run.pauses)},
                      {"freezes", write_all(run.freezes)},
                      {"accel", run.accel},
                      {"accel_reason", utf8(run.accel_reason)},
                      {"guest_kernel", utf8(run.guest_kernel)},
                      {"seconds", run.seconds},
                      {"artifacts", run.artifacts},
                      {"reproduce", run.reproduce}};
  if (run.cpu) stored["cpu_ms"] = {{"harness", run.cpu->harness_ms}, {"vmm", run.cpu->vmm_ms}};
  if (!run.exec_stress.empty()) stored["exec_stress"] = write_all(run.exec_stress);
  if (run.expects) stored["expects"] = write(*run.expects);
  if (!run.known.empty()) stored["known"] = utf8(run.known);
  if (!run.attempts.empty()) stored["attempts"] = write_all(run.attempts);
  return stored;
}

Result<RunResult> run_result_from_json(const ordered_json& stored) {
  RunResult run;
  JsonReader read(stored, "run");
  read("id", run.id);
  read("scenario", run.scenario);
  read_point(read, run);
  read("seed", run.seed);
  read_verdict(read, run.verdict);
  read("expected", run.expected);
  read("message", run.message);
  read.list("findings", run.findings, read_finding);
  read.list("faults", run.faults, read_fault);
  read.list("restores", run.restores, read_restore);
  read.list("pauses", run.pauses, read_pause);
  read.list("freezes", run.freezes, read_freeze);
  read("accel", run.accel);
  read("accel_reason", run.accel_reason);
  read("guest_kernel", run.guest_kernel);
  read("seconds", run.seconds);
  read("artifacts", run.artifacts);
  read("reproduce", run.reproduce);
  if (stored.is_object() && stored.contains("cpu_ms")) run.cpu = read_cpu_time(read, stored.at("cpu_ms"));
  if (stored.is_object() && stored.contains("exec_stress")) read.list("exec_stress", run.exec_stress, read_exec_stress);
  if (stored.is_object() && stored.contains("expects")) run.expects = read_expects(read, stored.at("expects"));
  if (stored.is_object() && stored.contains("known")) read("known", run.known);
  if (stored.is_object() && stored.contains("attempts")) read.list("attempts", run.attempts, read_attempt);
  SNAP_TRY(read.status());
  return run;
}

}  // namespace snaphammer::report
