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

/// `node` is the nearest place in the file at or above `path`; `usual` is the default there.
void check(Reader& reader, const Node& node, const std::string& path, const json& value, const json& usual) {
  if (value == usual) return;
  if (usual.is_object()) {
    for (const auto& [name, inner] : value.items()) {
      const Node* place = node.find(name);
      check(reader, place ? *place : node, path + "." + name, inner, usual.value(name, json()));
    }
    return;
  }
  if (is_supported(path, value)) return;
  const auto shown = [](const json& v) { return v.is_string() ? v.get<std::string>() : v.dump(); };
  reader.fail(node, fmt::format("{}: {} is not available in this build", path, shown(value)),
              fmt::format("the default, {}, is", shown(usual)));
}

template <class T>
void check(Reader& reader, const Node& root, const std::string& name, const T& settings) {
  if (const Node* node = root.find(name)) {
    check(reader, *node, name, Codec<T>::write(settings), Codec<T>::write(T{}));
  }
}

}  // namespace

void check_settings_supported(Reader& reader, const Node& root, const Scenario& scenario) {
  check(reader, root, "vm", scenario.vm);
  check(reader, root, "runtime", scenario.runtime);
}

}  // namespace snaphammer::scenario
