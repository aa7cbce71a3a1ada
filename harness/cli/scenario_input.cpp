#include "harness/cli/scenario_input.h"

#include <iterator>
#include <memory>

#include "harness/engine/image_symbols.h"
#include "harness/engine/installation.h"

namespace snaphammer::cli {
namespace {

bool refuse(Session& session, const std::vector<scenario::Diagnostic>& diagnostics) {
  if (diagnostics.empty()) return false;
  session.err << scenario::format(diagnostics);
  return true;
}

}  // namespace

std::optional<std::vector<scenario::LoadedScenario>> load_scenarios(Session& session,
                                                                    const std::vector<std::filesystem::path>& paths) {
  scenario::ReadOptions options;
  if (const auto installation = engine::Installation::of_this_process()) {
    options.symbols = std::make_shared<engine::ImageSymbols>(installation->guest_image);
  }
  scenario::LoadedFiles files = scenario::load_paths(paths, options);
  if (refuse(session, files.diagnostics)) return std::nullopt;
  return std::move(files.scenarios);
}

std::optional<std::vector<scenario::RunPlan>> plan_scenarios(Session& session,
                                                             const std::vector<scenario::LoadedScenario>& scenarios,
                                                             const scenario::PlanOptions& options) {
  std::vector<scenario::RunPlan> plans;
  std::vector<scenario::Diagnostic> diagnostics;
  for (const scenario::LoadedScenario& scenario : scenarios) {
    scenario::Planned planned = scenario::plan(scenario, options);
    std::move(planned.runs.begin(), planned.runs.end(), std::back_inserter(plans));
    std::move(planned.diagnostics.begin(), planned.diagnostics.end(), std::back_inserter(diagnostics));
  }
  if (refuse(session, diagnostics)) return std::nullopt;
  return plans;
}

}  // namespace snaphammer::cli
