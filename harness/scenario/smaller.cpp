#include "harness/scenario/smaller.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "harness/scenario/step_nodes.h"
#include "lib/base/units.h"

namespace snaphammer::scenario {
namespace {

constexpr Duration kShortestLoop = std::chrono::milliseconds(100);

using Names = std::set<std::string, std::less<>>;

bool gives_name(const std::string& key) { return key == "id" || key == "as"; }

/// What the step, and steps inside of it, call themselves or what they make.
void add_names(const Node& node, Names& names) {
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    if (node.is_map() && item.is_scalar() && gives_name(node.keys[i].name)) names.insert(item.text);
    add_names(item, names);
  }
}

/// Whether something that it says is one of the names. The steps inside of it speak for themselves.
bool refers_to(const Node& node, const Names& names) {
  if (node.is_scalar()) return names.contains(node.text);
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string key = node.is_map() ? node.keys[i].name : "";
    if (gives_name(key) || key == "steps" || key == "branches") continue;
    if (refers_to(node.items[i], names)) return true;
  }
  return false;
}

bool contains_steps(const Node& step) {
  const Node* const options = options_of_step(step);
  if (options == nullptr) return false;
  return options->find("steps") != nullptr || options->find("branches") != nullptr ||
         (options->is_list() && std::ranges::any_of(options->items, &Node::is_list));
}

bool is_dependant(const Node& step, const Names& names) {
  const Node* const options = options_of_step(step);
  return options != nullptr && !contains_steps(step) && refers_to(*options, names);
}

Variant without_steps(const Node& root, const StepListPlace& place, std::size_t first, std::size_t count) {
  const std::string from = fmt::format("{}.{}", place.name, first);
  Variant variant{
      count == 1 ? "without " + from : fmt::format("without {} to {}.{}", from, place.name, first + count - 1), root};
  auto& steps = node_at(variant.root, place.path).items;
  if (count == 1) variant.what += fmt::format(" ({})", kind_of_step(steps[first]));
  Names names;
  for (std::size_t i = first; i < first + count; ++i) add_names(steps[i], names);
  const auto begin = steps.begin() + static_cast<std::ptrdiff_t>(first);
  steps.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
  if (names.empty()) return variant;
  // Inner lists first: the paths of outer ones stay right.
  const std::vector<StepListPlace> places = step_lists_of(variant.root);
  for (auto one = places.rbegin(); one != places.rend(); ++one) {
    std::erase_if(node_at(variant.root, one->path).items, [&](const Node& step) { return is_dependant(step, names); });
  }
  return variant;
}

/// Half of the list, then quarters, down to single steps; the later ones first, which nothing builds on.
void add_without_steps(const Node& root, const StepListPlace& place, std::vector<Variant>& variants) {
  Node copy = root;
  const std::size_t size = node_at(copy, place.path).items.size();
  for (std::size_t count = std::max<std::size_t>(1, size / 2); count > 0; count /= 2) {
    for (std::size_t end = size; end > 0; end -= std::min(end, count)) {
      const std::size_t first = end - std::min(end, count);
      variants.push_back(without_steps(root, place, first, end - first));
    }
  }
}

std::optional<std::uint64_t> number_in(const Node& node) {
  std::uint64_t number = 0;
  const char* const end = node.text.data() + node.text.size();
  const auto read = std::from_chars(node.text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

Node plain(const std::string& text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = text;
  return node;
}

/// The scenario with other options of the step at `index`.
Variant with_options(const Node& root, const StepListPlace& place, std::size_t index, std::string what,
                     const Node& options) {
  Variant variant{std::move(what), root};
  Node& step = node_at(variant.root, place.path).items[index];
  *step.find(kind_of_step(step)) = options;
  return variant;
}

/// The scenario with these steps in place of the one at `index`.
Variant with_steps_instead(const Node& root, const StepListPlace& place, std::size_t index, std::string what,
                           const std::vector<Node>& steps) {
  Variant variant{std::move(what), root};
  auto& list = node_at(variant.root, place.path).items;
  const auto at = list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
  list.insert(at, steps.begin(), steps.end());
  return variant;
}

void add_with_fewer_rounds(const Node& root, const StepListPlace& place, std::size_t index, const Node& loop,
                           std::vector<Variant>& variants) {
  const std::string name = fmt::format("{}.{}.loop", place.name, index);
  const auto add_times = [&](std::uint64_t times, const std::string& instead_of) {
    Node options = loop;
    options.erase("for");
    options.set({"times", {}}, plain(std::to_string(times)));
    const char* const rounds = times == 1 ? "round" : "rounds";
    variants.push_back(with_options(root, place, index,
                                    fmt::format("{}: {} {} instead of {}", name, times, rounds, instead_of), options));
  };
  if (const Node* const times = loop.find("times")) {
    const std::uint64_t rounds = number_in(*times).value_or(1);
    if (rounds == 1) {
      variants.push_back(with_steps_instead(root, place, index, name + ": its steps, once", loop.find("steps")->items));
      return;
    }
    add_times(1, times->text);
    for (std::uint64_t cut = rounds / 2; cut > 0; cut /= 2) {
      if (rounds - cut > 1) add_times(rounds - cut, times->text);
    }
  } else if (const Node* const duration = loop.find("for")) {
    add_times(1, duration->text);
    const Result<Duration> whole = parse_duration(duration->text);
    if (!whole || *whole / 2 < kShortestLoop) return;
    Node options = loop;
    options.set({"for", {}}, plain(format_duration(*whole / 2)));
    variants.push_back(with_options(root, place, index, fmt::format("{}: half as long", name), options));
  }
}

void add_with_less_inside(const Node& root, const StepListPlace& place, std::vector<Variant>& variants) {
  Node copy = root;
  const std::vector<Node> steps = node_at(copy, place.path).items;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!contains_steps(steps[i])) continue;
    const Node& options = *options_of_step(steps[i]);
    if (options.is_map() && options.find("steps") != nullptr) {
      add_with_fewer_rounds(root, place, i, options, variants);
      continue;
    }
    const std::vector<Node>& branches = options.is_list() ? options.items : options.find("branches")->items;
    for (std::size_t branch = 0; branch < branches.size(); ++branch) {
      variants.push_back(with_steps_instead(
          root, place, i, fmt::format("{}.{}.{}: only branch {}", place.name, i, kind_of_step(steps[i]), branch),
          branches[branch].items));
    }
  }
}

/// Without `keys`, and without maps that are empty then.
void erase_setting(Node& node, const std::vector<std::string>& keys, std::size_t depth = 0) {
  Node* const inner = node.find(keys[depth]);
  if (depth + 1 < keys.size()) erase_setting(*inner, keys, depth + 1);
  if (depth + 1 == keys.size() || inner->items.empty()) node.erase(keys[depth]);
}

void add_without_settings(const Node& root, const Node& within, std::vector<std::string>& keys,
                          std::vector<Variant>& variants) {
  Variant variant{fmt::format("without {}", fmt::join(keys, ".")), root};
  erase_setting(variant.root, keys);
  variants.push_back(std::move(variant));
  if (!within.is_map() || within.items.size() + keys.size() == 1) return;
  for (std::size_t i = 0; i < within.items.size(); ++i) {
    keys.push_back(within.keys[i].name);
    add_without_settings(root, within.items[i], keys, variants);
    keys.pop_back();
  }
}

}  // namespace

std::vector<Variant> smaller_variants(const Node& root) {
  std::vector<Variant> variants;
  const std::vector<StepListPlace> places = step_lists_of(root);
  for (const StepListPlace& place : places) add_without_steps(root, place, variants);
  for (const StepListPlace& place : places) add_with_less_inside(root, place, variants);
  for (const char* const part : {"limits", "runtime", "vm"}) {
    std::vector<std::string> keys{part};
    if (const Node* const settings = root.find(part)) add_without_settings(root, *settings, keys, variants);
  }
  return variants;
}

}  // namespace snaphammer::scenario
