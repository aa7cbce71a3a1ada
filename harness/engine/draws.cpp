#include "harness/engine/draws.h"

namespace snaphammer::engine {

std::vector<Draw> draws_in(const nlohmann::json& counters, const std::string& guest, const std::string& as) {
  std::vector<Draw> draws;
  const auto drawn = counters.find("drawn");
  if (drawn == counters.end() || !drawn->is_object()) return draws;
  for (const auto& [source, values] : drawn->items()) {
    Draw draw{.guest = guest, .source = as + ", " + source, .values = {}};
    if (!values.is_array()) continue;
    for (const nlohmann::json& value : values) {
      if (value.is_string()) draw.values.push_back(value.get<std::string>());
    }
    if (!draw.values.empty()) draws.push_back(std::move(draw));
  }
  return draws;
}

}  // namespace snaphammer::engine
