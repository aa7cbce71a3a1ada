#include "harness/cli/planning.h"

#include "harness/cli/scenario_input.h"
#include "harness/engine/selection.h"

namespace snaphammer::cli {

using nlohmann::json;

json to_json(const Planning& planning) {
  json paths = json::array();
  for (const std::filesystem::path& path : planning.paths) paths.push_back(std::filesystem::absolute(path).string());
  return {{"paths", paths},
          {"filters", planning.filters},
          {"shard", planning.shard},
          {"seed", planning.seed ? json(*planning.seed) : json()},
          {"repeat", planning.repeat ? json(*planning.repeat) : json()},
          {"random_seed", planning.random_seed},
          {"known", planning.known.empty() ? "" : std::filesystem::absolute(planning.known).string()},
          {"retries", planning.retries}};
}

Result<Planning> planning_from_json(const json& stored) {
  Planning planning;
  try {
    for (const json& path : stored.at("paths")) planning.paths.emplace_back(path.get<std::string>());
    stored.at("filters").get_to(planning.filters);
    stored.at("shard").get_to(planning.shard);
    stored.at("random_seed").get_to(planning.random_seed);
    planning.known = stored.at("known").get<std::string>();
    stored.at("retries").get_to(planning.retries);
    if (!stored.at("seed").is_null()) planning.seed = stored.at("seed").get<std::uint64_t>();
    if (!stored.at("repeat").is_null()) planning.repeat = stored.at("repeat").get<unsigned>();
  } catch (const json::exception&) {
    return Error(ErrorKind::kInvalid, "the campaign was not begun by `snaphammer run`")
        .advise("begin again what began it");
  }
  return planning;
}

std::optional<engine::KnownFailures> known_failures(Session& session, const Planning& planning) {
  if (planning.known.empty()) return engine::KnownFailures();
  engine::LoadedKnownFailures loaded = engine::load_known_failures(planning.known);
  if (loaded.diagnostics.empty()) return std::move(loaded.failures);
  session.err << scenario::format(loaded.diagnostics);
  return std::nullopt;
}

Result<std::optional<std::vector<scenario::RunPlan>>> plan(Session& session, const Planning& planning) {
  std::vector<engine::Filter> filters;
  for (const std::string& expression : planning.filters) {
    SNAP_ASSIGN(engine::Filter filter, engine::Filter::parse(expression));
    filters.push_back(std::move(filter));
  }
  engine::Shard shard;
  if (!planning.shard.empty()) {
    SNAP_ASSIGN(shard, engine::Shard::parse(planning.shard));
  }
  const auto scenarios = load_scenarios(session, planning.paths);
  if (!scenarios) return std::nullopt;
  auto plans = plan_scenarios(session, *scenarios,
                              {.seed = planning.seed, .repeat = planning.repeat, .random_seed = planning.random_seed});
  if (!plans) return std::nullopt;
  std::vector<scenario::RunPlan> chosen = engine::select(std::move(*plans), filters, shard);
  if (chosen.empty() && shard.count == 1) {
    return Error(ErrorKind::kInvalid, "no run matches the filter").advise("see `snaphammer lint --plan`");
  }
  return chosen;
}

}  // namespace snaphammer::cli
