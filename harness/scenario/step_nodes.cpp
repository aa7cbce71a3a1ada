#include "harness/scenario/step_nodes.h"

#include <algorithm>

#include "harness/scenario/step.h"

namespace snaphammer::scenario {
namespace {

std::size_t index_of_key(const Node& map, std::string_view name) {
  const auto found = std::ranges::find(map.keys, name, &Node::Key::name);
  return static_cast<std::size_t>(found - map.keys.begin());
}

void add_lists(const Node& list, const StepListPlace& place, std::vector<StepListPlace>& found) {
  found.push_back(place);
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const Node& step = list.items[i];
    const Node* const options = options_of_step(step);
    if (options == nullptr) continue;
    const std::string kind = kind_of_step(step);
    StepListPlace inner{place.path, place.name + "." + std::to_string(i) + "." + kind};
    inner.path.push_back(i);
    inner.path.push_back(index_of_key(step, kind));
    const Node* holder = options;
    if (options->is_map() && options->find("branches") != nullptr) {
      inner.path.push_back(index_of_key(*options, "branches"));
      holder = options->find("branches");
    }
    if (holder->is_list()) {
      for (std::size_t branch = 0; branch < holder->items.size(); ++branch) {
        if (!holder->items[branch].is_list()) continue;
        StepListPlace one{inner.path, inner.name + "." + std::to_string(branch)};
        one.path.push_back(branch);
        add_lists(holder->items[branch], one, found);
      }
    } else if (const Node* const steps = holder->find("steps"); steps != nullptr && steps->is_list()) {
      inner.path.push_back(index_of_key(*holder, "steps"));
      inner.name += ".steps";
      add_lists(*steps, inner, found);
    }
  }
}

}  // namespace

std::string kind_of_step(const Node& step) {
  const Catalog<StepKind>& kinds = Catalog<StepKind>::of();
  if (step.is_scalar() && kinds.find(step.text) != nullptr) return step.text;
  for (const Node::Key& key : step.keys) {
    if (kinds.find(key.name) != nullptr) return key.name;
  }
  return {};
}

const Node* options_of_step(const Node& step) { return step.is_map() ? step.find(kind_of_step(step)) : nullptr; }

Node& node_at(Node& root, const NodePath& path) {
  Node* node = &root;
  for (const std::size_t index : path) node = &node->items.at(index);
  return *node;
}

std::vector<StepListPlace> step_lists_of(const Node& root) {
  std::vector<StepListPlace> found;
  const Node* const steps = root.find("steps");
  if (steps != nullptr && steps->is_list()) add_lists(*steps, {{index_of_key(root, "steps")}, "steps"}, found);
  return found;
}

}  // namespace snaphammer::scenario
