// Which settings under `vm` and `runtime` this build can honour. A default always is; any other value must have been
// registered by who implements it, so that a scenario never runs with a knob that nobody reads:
//
//   const Registration<SettingSupport> kSupported[] = {
//       Registration<SettingSupport>{{"vm.memory"}},                                    // any value
//       Registration<SettingSupport>{{"runtime.uffd.on_remove", "", {"ignore"}}},       // these besides the default
//   };
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/scenario/catalog.h"
#include "harness/scenario/scenario.h"

namespace snaphammer::scenario {

struct SettingSupport {
  static constexpr std::string_view kNoun = "setting";
  std::string name;                    ///< Its path.
  std::string summary;                 ///< A note for `describe`; may be empty.
  std::vector<nlohmann::json> values;  ///< In canonical form; empty: every value.
};

/// Records an error for each setting of `scenario` that this build does not honour, at its place in `root`.
void check_settings_supported(Reader& reader, const Node& root, const Scenario& scenario);

}  // namespace snaphammer::scenario
