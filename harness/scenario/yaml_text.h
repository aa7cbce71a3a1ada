// A document as YAML text, as people write scenarios: what fits a line is on one line.
//
//   write(file, to_yaml(document.root));      // parse_document() makes the same tree of it, positions apart
#pragma once

#include <string>

#include "harness/scenario/document.h"

namespace snaphammer::scenario {

/// Of a map; ends in a newline.
std::string to_yaml(const Node& root);
/// Any node, on one line.
std::string to_yaml_line(const Node& node);

}  // namespace snaphammer::scenario
