#include "lib/agent/random_protocol.h"

#include <algorithm>

#include "lib/agent/json_fields.h"

namespace snaphammer::agent {

nlohmann::json RandomDraws::to_json() const { return {{"values", values}}; }

Result<RandomDraws> RandomDraws::from_json(const nlohmann::json& json) {
  JsonFields fields(json, "random draws");
  RandomDraws draws{.values = fields.texts("values")};
  SNAP_TRY(fields.finish());
  const auto is_draw = [](const std::string& value) {
    return value.size() == 2 * kBytes && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  };
  if (draws.values.size() != kCount || !std::all_of(draws.values.begin(), draws.values.end(), is_draw)) {
    return Error(ErrorKind::kInvalid, "random draws: expected " + std::to_string(kCount) + " of " +
                                          std::to_string(kBytes) + " bytes in hexadecimal");
  }
  return draws;
}

}  // namespace snaphammer::agent
