// The JSON Schema of results.json.
#include "harness/report/campaign.h"

namespace snaphammer::report {
namespace {

using nlohmann::json;

const json kText = {{"type", "string"}};
const json kNumber = {{"type", "number"}, {"minimum", 0}};
const json kNumberOrNull = {{"type", {"number", "null"}}, {"minimum", 0}};
const json kCount = {{"type", "integer"}, {"minimum", 0}};
const json kObject = {{"type", "object"}};
const json kPhases = {{"type", "object"}, {"additionalProperties", {{"type", "number"}}}};

/// An object with exactly these keys.
json exactly(json properties) {
  json required = json::array();
  for (const auto& [name, schema] : properties.items()) required.push_back(name);
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}
/// What a page server counted; empty when the guest's faults were served by a program, or it was never healthy.
json uffd_schema() {
  const json latency = exactly({{"p50", kNumber}, {"p99", kNumber}, {"max", kNumber}});
  const json working_set = exactly(
      {{"hits", kCount}, {"late", kCount}, {"misses", kCount}, {"hit_ratio", {{"minimum", 0}, {"maximum", 1}}}});
  return {{"type", "object"},
          {"properties",
           {{"faults", kCount},
            {"removes", kCount},
            {"removed_pages", kCount},
            {"eagain", kCount},
            {"copied_pages", kCount},
            {"zero_pages", kCount},
            {"prefetched_pages", kCount},
            {"working_set", working_set},
            {"fault_latency_us", latency}}},
          {"additionalProperties", false}};
}
json list_of(json element) { return {{"type", "array"}, {"items", std::move(element)}}; }

json freeze_schema() {
  const json vcpu = exactly({{"place", kText},
                             {"registers", {{"type", "object"}, {"additionalProperties", kText}}},
                             {"stack", list_of(kText)}});
  return exactly({{"at", kText},
                  {"in", kText},
                  {"address", kCount},
                  {"hits", kCount},
                  {"elsewhere", kCount},
                  {"steps", kCount},
                  {"after_ms", kNumber},
                  {"vcpu", {{"type", {"integer", "null"}}}},
                  {"vcpus", list_of(vcpu)}});
}

const json kVerdict = {{"enum", {"pass", "fail", "inconclusive", "error", "skipped"}}};

json finding_schema() {
  json schema =
      exactly({{"id", kText}, {"oracle", kText}, {"message", kText}, {"count", kCount}, {"evidence", json::object()}});
  schema["properties"]["at_ms"] = kNumber;
  return schema;
}

json run_schema() {
  json schema =
      exactly({{"id", kText},
               {"scenario", kText},
               {"point", kObject},
               {"seed", kCount},
               {"verdict", kVerdict},
               {"expected", {{"type", "boolean"}}},
               {"message", kText},
               {"findings", list_of(finding_schema())},
               {"faults", list_of(exactly({{"name", kText}, {"acted", kCount}, {"first_at_ms", kNumberOrNull}}))},
               {"restores", list_of(exactly({{"from", kText},
                                             {"guest", kText},
                                             {"to_healthy_ms", kNumberOrNull},
                                             {"phases_ms", kPhases},
                                             {"uffd", uffd_schema()}}))},
               {"pauses", list_of(exactly({{"snapshot", kText},
                                           {"type", kText},
                                           {"downtime_ms", kNumber},
                                           {"phases_ms", kPhases},
                                           {"bytes", kCount}}))},
               {"freezes", list_of(freeze_schema())},
               {"accel", kText},
               {"accel_reason", kText},
               {"guest_kernel", kText},
               {"seconds", kNumber},
               {"artifacts", kText},
               {"reproduce", kText}});
  schema["properties"]["cpu_ms"] = exactly({{"harness", kNumber}, {"vmm", kNumber}});
  schema["properties"]["exec_stress"] =
      list_of(exactly({{"parallel", kCount}, {"slowest_ms", kNumber}, {"single_ms", kNumberOrNull}}));
  schema["properties"]["expects"] = exactly({{"verdict", kVerdict}, {"findings", list_of(kText)}});
  schema["properties"]["known"] = kText;
  schema["properties"]["attempts"] =
      list_of(exactly({{"verdict", kVerdict}, {"message", kText}, {"artifacts", kText}}));
  return schema;
}

}  // namespace

json results_schema() {
  json schema = exactly({{"schema", {{"const", 1}}},
                         {"tool", kObject},
                         {"campaign", kText},
                         {"host", kObject},
                         {"started", kText},
                         {"seconds", kNumber},
                         {"summary", exactly({{"total", kCount},
                                              {"as_expected", kCount},
                                              {"unexpected", kCount},
                                              {"inconclusive", kCount},
                                              {"error", kCount},
                                              {"skipped", kCount},
                                              {"flaky", kCount},
                                              {"known", kCount},
                                              {"unfinished", kCount}})},
                         {"runs", list_of(run_schema())}});
  schema["properties"]["notes"] = {{"type", "object"}, {"additionalProperties", kText}};
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "Snaphammer results";
  return schema;
}

}  // namespace snaphammer::report
