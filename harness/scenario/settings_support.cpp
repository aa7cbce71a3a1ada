#include "harness/scenario/settings_support.h"

#include <algorithm>

#include <fmt/format.h>

namespace snaphammer::scenario {
namespace {

using nlohmann::json;

bool is_supported(const std::string& path, const json& value) {
  const SettingSupport* support = Catalog<SettingSupport>::of().find(path);
  if (support == nullptr) return false;
  return support->values.empty() ||
         std::find(support->values.begin(), support->values.end(), value) != support->values.end();
}

/// `node` is the nearest place in the file at or above `path`.
void check(Reader& reader, const Node& node, const std::string& path, const FieldInfo& field, const json& value) {
  if (field.type.fields.empty()) {
    if (value == field.default_value || is_supported(path, value)) return;
    const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    reader.fail(
        node, fmt::format("{}: {} is not available in this build", path, shown),
        fmt::format("the default, {}, is", field.default_value.is_string() ? field.default_value.get<std::string>()
                                                                           : field.default_value.dump()));
    return;
  }
  for (const FieldInfo& inner : field.type.fields) {
    const auto written = value.find(inner.name);
    if (written == value.end()) continue;
    const Node* place = node.find(inner.name);
    check(reader, place ? *place : node, path + "." + inner.name, inner, *written);
  }
}

}  // namespace

void check_settings_supported(Reader& reader, const Node& root, const Scenario& scenario) {
  static const std::vector<FieldInfo> fields = Fields<Scenario>::of().infos();
  const json vm = Codec<VmSettings>::write(scenario.vm);
  const json runtime = Codec<RuntimeKnobs>::write(scenario.runtime);
  for (const auto& [name, value] : {std::pair<std::string, const json&>{"vm", vm}, {"runtime", runtime}}) {
    if (const Node* node = root.find(name)) check(reader, *node, name, *find_field(fields, name), value);
  }
}

}  // namespace snaphammer::scenario
