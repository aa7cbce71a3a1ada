// How the runs of a campaign are chosen: what was said on the command line of `run`, kept in the campaign's journal so
// that `run --resume` chooses the same again.
//
//   Planning planning{.paths = {"scenarios"}, .shard = "2/5", .random_seed = scenario::fresh_seed()};
//   SNAP_ASSIGN(const auto plans, plan(session, planning));
//   if (!plans) return kInvalidInput;                        // what is wrong with the files has been said
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/cli/command.h"
#include "harness/engine/known_failures.h"
#include "harness/scenario/plan.h"

namespace snaphammer::cli {

struct Planning {
  std::vector<std::filesystem::path> paths;
  std::vector<std::string> filters;  ///< As for engine::Filter.
  std::string shard;                 ///< As for engine::Shard; empty: all.
  std::optional<std::uint64_t> seed;
  std::optional<unsigned> repeat;
  std::uint64_t random_seed = 1;  ///< For scenarios without a seed.
  std::filesystem::path known;    ///< The file of known failures; empty: there are none.
  unsigned retries = 0;
};

/// Paths are written absolute: a campaign may be resumed from another directory.
nlohmann::json to_json(const Planning& planning);
Result<Planning> planning_from_json(const nlohmann::json& json);

/// Those of `planning.known`. Nothing when the file is not valid, which has been said then.
std::optional<engine::KnownFailures> known_failures(Session& session, const Planning& planning);

/// The runs, possibly none for a shard; an error when nothing matches the filters. Nothing when a file is not valid.
Result<std::optional<std::vector<scenario::RunPlan>>> plan(Session& session, const Planning& planning);

}  // namespace snaphammer::cli
