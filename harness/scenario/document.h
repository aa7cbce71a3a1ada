// YAML text to a tree of nodes; all that the rest of the loader knows of YAML.
//
//   Document document = parse_document("a.yaml", text);      // never throws, whatever the bytes
//   if (document.diagnostics.empty()) use(document.root);
//
// Aliases and merge keys are expanded here; duplicate keys, tags, several documents, and input beyond the bounds are
// errors.
#pragma once

#include <string_view>
#include <vector>

#include "harness/scenario/diagnostic.h"
#include "harness/scenario/node.h"

namespace snaphammer::scenario {

/// Bounds of a scenario file. Far beyond what people write, far below what hurts the loader.
inline constexpr std::size_t kMaxFileBytes = 1u << 20;
inline constexpr std::size_t kMaxNodes = 100'000;  ///< Counted after aliases are expanded.
inline constexpr unsigned kMaxDepth = 64;
/// After that many, the errors of a file are no longer counted.
inline constexpr std::size_t kMaxErrors = 200;

struct Document {
  Node root;
  std::vector<Diagnostic> diagnostics;
};

Document parse_document(std::string_view file, std::string_view text);

/// The line of `text` with that number (from 1), without its end.
std::string_view line_of(std::string_view text, std::uint32_t line);

}  // namespace snaphammer::scenario
