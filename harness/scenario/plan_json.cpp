// RunPlan to and from plan.json: the scenario's text and the point, which are read anew.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/scenario/plan.h"

namespace snaphammer::scenario {
namespace {

using nlohmann::json;

constexpr int kSchema = 1;

Error bad_plan(std::string why) { return Error(ErrorKind::kInvalid, "plan: " + std::move(why)); }

/// The value under `key` as a T.
template <class T>
Result<T> get(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return bad_plan(fmt::format("'{}' is missing", key));
  try {
    return found->get<T>();
  } catch (const json::exception&) {
    return bad_plan(fmt::format("'{}' is of the wrong type", key));
  }
}

Result<Point> get_point(const json& object) {
  SNAP_ASSIGN(const json list, get<json::array_t>(object, "point"));
  Point point;
  for (const json& entry : list) {
    if (!entry.is_object()) return bad_plan("'point' is of the wrong type");
    SNAP_ASSIGN(std::string path, get<std::string>(entry, "path"));
    SNAP_ASSIGN(json value, get<json>(entry, "value"));
    point.emplace_back(std::move(path), std::move(value));
  }
  return point;
}

/// Reads `node` with a codec; the errors become one.
template <class T>
Result<T> decode(const json& value, const char* what) {
  T decoded{};
  Reader reader("", "", {});
  if (!Codec<T>::read(reader, node_from_json(value), decoded)) {
    return bad_plan(fmt::format("{}: {}", what, format(reader.diagnostics())));
  }
  return decoded;
}

}  // namespace

json to_json(const RunPlan& plan) {
  json point = json::array();
  for (const auto& [path, value] : plan.point) point.push_back({{"path", path}, {"value", value}});
  // The condition has been decided, and refers to a matrix that one run does not have.
  Expectation decided = plan.expectation;
  decided.when = {};
  return {{"schema", kSchema},
          {"id", plan.id},
          {"scenario", plan.scenario->name},
          {"point", point},
          {"seed", plan.seed},
          {"expectation", Codec<Expectation>::write(decided)},
          {"resolved", Codec<Scenario>::write(*plan.scenario)},
          {"file", plan.source->file},
          {"text", plan.source->text}};
}

Result<RunPlan> run_plan_from_json(const json& stored) {
  if (!stored.is_object()) return bad_plan("not an object");
  SNAP_ASSIGN(const int schema, get<int>(stored, "schema"));
  if (schema != kSchema) return bad_plan(fmt::format("schema {}, this build reads {}", schema, kSchema));
  RunPlan plan;
  Source source;
  SNAP_ASSIGN(plan.id, get<std::string>(stored, "id"));
  SNAP_ASSIGN(plan.seed, get<std::uint64_t>(stored, "seed"));
  SNAP_ASSIGN(plan.point, get_point(stored));
  SNAP_ASSIGN(source.file, get<std::string>(stored, "file"));
  SNAP_ASSIGN(source.text, get<std::string>(stored, "text"));
  SNAP_ASSIGN(const json expectation, get<json>(stored, "expectation"));
  SNAP_ASSIGN(plan.expectation, decode<Expectation>(expectation, "expectation"));
  plan.source = std::make_shared<const Source>(std::move(source));

  Document document = parse_document(plan.source->file, plan.source->text);
  if (!document.diagnostics.empty()) return bad_plan(format(document.diagnostics));
  document.root.erase("matrix");  // Its values for this run are the point.
  for (const auto& [path, value] : plan.point) {
    SNAP_TRY(overlay(document.root, path, {}, node_from_json(value)));
  }
  Reader reader(plan.source->file, plan.source->text, {});
  std::optional<Scenario> scenario = read_scenario(reader, document.root);
  if (!scenario) return bad_plan(format(reader.diagnostics()));
  plan.scenario = std::make_shared<const Scenario>(*std::move(scenario));
  return plan;
}

}  // namespace snaphammer::scenario
