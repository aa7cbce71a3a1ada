// Smaller variants of a scenario: what is left when some of its steps, rounds or settings are dropped.
//
//   for (const Variant& variant : smaller_variants(root)) if (still_fails(variant.root)) ...
//
// A variant need not be valid: who tries it has it read first.
#pragma once

#include <string>
#include <vector>

#include "harness/scenario/document.h"

namespace snaphammer::scenario {

struct Variant {
  std::string what;  ///< "without steps.3 to steps.5", "steps.2.loop: 10 rounds instead of 20".
  Node root;
};

/// All variants of a document that are one cut smaller, large cuts first:
///  - without a row of steps, in whatever list, and without the steps that name what those made;
///  - with fewer rounds of a loop, with a loop's or a branch's steps in place of the loop or the branches;
///  - without a setting of `runtime`, `vm` or `limits`.
std::vector<Variant> smaller_variants(const Node& root);

}  // namespace snaphammer::scenario
