// Whatever the bytes: loading ends with a scenario or with errors, and a scenario can be planned and stored.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <nlohmann/json.hpp>

#include "harness/scenario/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace snaphammer::scenario;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Loaded loaded = load_text("fuzz.yaml", text, {.require_available = false});
  if (loaded.scenario.has_value() == !loaded.diagnostics.empty()) std::abort();
  static_cast<void>(format(loaded.diagnostics));
  if (!loaded.scenario) return 0;
  std::size_t points = 1;
  for (const ResolvedAxis& axis : loaded.scenario->axes) points *= axis.axis.values.size();
  if (points > 100) return 0;
  for (const RunPlan& run : plan(*loaded.scenario, {.repeat = 1}).runs) static_cast<void>(to_json(run).dump());
  return 0;
}
