#include "harness/engine/plan_file.h"

#include <nlohmann/json.hpp>

#include "harness/engine/atomic_file.h"

namespace snaphammer::engine {

Result<void> write_plan(const std::filesystem::path& file, const scenario::RunPlan& plan) {
  return write_atomically(file, scenario::to_json(plan).dump(2) + "\n");
}

Result<scenario::RunPlan> read_plan(const std::filesystem::path& file) {
  SNAP_ASSIGN(const std::string text, read_file(file));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Error(ErrorKind::kInvalid, file.string() + ": not JSON");
  Result<scenario::RunPlan> plan = scenario::run_plan_from_json(json);
  if (!plan) return plan.error().in(file.string());
  return plan;
}

}  // namespace snaphammer::engine
