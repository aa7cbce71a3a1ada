// The JSON Schema (draft 2020-12) of scenario files, for editors and other validators: made from the same
// descriptions that the loader follows. The loader is stricter: a schema cannot say that a name was declared before.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace snaphammer::scenario {

nlohmann::json scenario_schema();

}  // namespace snaphammer::scenario
