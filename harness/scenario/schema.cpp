#include "harness/scenario/schema.h"

#include <nlohmann/json.hpp>

#include "harness/scenario/scenario.h"

namespace snaphammer::scenario {

nlohmann::json scenario_schema() {
  nlohmann::json schema = Fields<Scenario>::of().info().schema;
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = "Snaphammer scenario";
  schema["$defs"]["step"] = step_schema();
  return schema;
}

}  // namespace snaphammer::scenario
