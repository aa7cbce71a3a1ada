// From the paths on the command line to planned runs; what is wrong with the files goes to standard error, all of it.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "harness/cli/command.h"
#include "harness/scenario/plan.h"

namespace snaphammer::cli {

/// Nothing when a file is not valid, which has been said then: the exit code is kInvalidInput.
std::optional<std::vector<scenario::LoadedScenario>> load_scenarios(Session& session,
                                                                    const std::vector<std::filesystem::path>& paths);

std::optional<std::vector<scenario::RunPlan>> plan_scenarios(Session& session,
                                                             const std::vector<scenario::LoadedScenario>& scenarios,
                                                             const scenario::PlanOptions& options);

}  // namespace snaphammer::cli
