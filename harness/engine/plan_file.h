// plan.json: one run's plan in its artifacts. A worker executes it, `snaphammer replay` does so again.
#pragma once

#include <filesystem>

#include "harness/scenario/plan.h"
#include "lib/base/result.h"

namespace snaphammer::engine {

Result<void> write_plan(const std::filesystem::path& file, const scenario::RunPlan& plan);
Result<scenario::RunPlan> read_plan(const std::filesystem::path& file);

}  // namespace snaphammer::engine
