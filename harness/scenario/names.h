// Checks of names against what is known, for the field builder. Use them through fields.add(...).in_catalog(...).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/document.h"
#include "harness/scenario/reader.h"
#include "harness/scenario/type_info.h"

namespace snaphammer::scenario {

/// A set of names that registrations fill; see Catalog::lookup().
struct NameLookup {
  std::string noun;                                 ///< "workload": what a name stands for.
  std::function<std::vector<std::string>()> names;  ///< In their order.
};

/// Records an error unless `text` is a known name.
bool check_name(Reader& reader, const Node& node, const std::string& text, const NameLookup& lookup);

/// Records an error unless `text` matches all of the POSIX extended `pattern`.
bool check_pattern(Reader& reader, const Node& node, const std::string& text, const std::string& pattern,
                   const std::string& meaning);

/// Adds to a type that it is limited to a range, to what a pattern matches, or to names.
void limit_info(TypeInfo& type, const nlohmann::json& low, const nlohmann::json& high);
void limit_to_pattern(TypeInfo& type, const std::string& pattern, const std::string& meaning);
void limit_to_names(TypeInfo& type, const NameLookup& lookup);

}  // namespace snaphammer::scenario
