// Steps in a document that has not been read yet: which nodes are steps, and where lists of them are.
//
//   for (const StepListPlace& place : step_lists_of(root)) for (const Node& step : node_at(root, place.path).items) ...
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/scenario/document.h"

namespace snaphammer::scenario {

/// The step's kind: "restore". Empty when it is none, or of a kind that nobody has registered.
std::string kind_of_step(const Node& step);
/// What is said about it beside its kind; null when only its kind is written.
const Node* options_of_step(const Node& step);

/// From the root, as indices into Node::items.
using NodePath = std::vector<std::size_t>;
Node& node_at(Node& root, const NodePath& path);

/// A list of steps: the scenario's own, and those inside its steps (loop, parallel).
struct StepListPlace {
  NodePath path;
  std::string name;  ///< As a matrix would name it: "steps.4.loop.steps".
};
/// Outer lists before inner ones.
std::vector<StepListPlace> step_lists_of(const Node& root);

}  // namespace snaphammer::scenario
