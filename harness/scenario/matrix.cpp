#include "harness/scenario/matrix.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "harness/scenario/fields.h"
#include "harness/scenario/step.h"
#include "harness/scenario/step_nodes.h"

namespace snaphammer::scenario {
namespace {

using nlohmann::json;

/// `{from: 0, to: 200, step: 10}`; both ends belong to it.
struct Range {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t step = 1;
};
void describe(Fields<Range>& fields) {
  fields.add("from", &Range::from, "The first number.").required();
  fields.add("to", &Range::to, "The last number; it belongs to the range.").required();
  fields.add("step", &Range::step, "The distance of two numbers.").between(1, std::numeric_limits<std::int64_t>::max());
}

/// `0..200`
std::optional<Range> parse_range(const Node& node) {
  const std::size_t dots = node.text.find("..");
  if (!node.is_scalar() || node.quoted || dots == std::string::npos) return std::nullopt;
  Range range;
  const char* const begin = node.text.data();
  const char* const end = begin + node.text.size();
  const auto first = std::from_chars(begin, begin + dots, range.from);
  const auto last = std::from_chars(begin + dots + 2, end, range.to);
  if (first.ec != std::errc() || last.ec != std::errc() || first.ptr != begin + dots || last.ptr != end) {
    return std::nullopt;
  }
  return range;
}

bool add_range(Reader& reader, const Node& node, const Range& range, std::vector<Node>& values) {
  if (range.from > range.to) return reader.fail(node, fmt::format("{}: an empty range", reader.path()));
  const std::uint64_t span = static_cast<std::uint64_t>(range.to) - static_cast<std::uint64_t>(range.from);
  const std::uint64_t step = static_cast<std::uint64_t>(range.step);
  if (span / step >= kMaxAxisValues) {
    return reader.fail(node, fmt::format("{}: more than {} values", reader.path(), kMaxAxisValues));
  }
  for (std::uint64_t i = 0; i <= span / step; ++i) {
    Node value;
    value.kind = Node::Kind::kScalar;
    value.where = node.where;
    value.text = std::to_string(range.from + static_cast<std::int64_t>(i * step));
    values.push_back(std::move(value));
  }
  return true;
}

bool read_values(Reader& reader, const Node& node, std::vector<Node>& values) {
  if (node.is_map()) {
    Range range;
    return Codec<Range>::read(reader, node, range) && add_range(reader, node, range, values);
  }
  if (const auto range = parse_range(node)) return add_range(reader, node, *range, values);
  if (!node.is_list()) return reader.expected(node, "a list of values, or a range such as 0..200");
  bool good = true;
  for (const Node& item : node.items) {
    if (const auto range = parse_range(item)) {
      good &= add_range(reader, item, *range, values);
    } else {
      values.push_back(item);
    }
  }
  if (good && values.empty()) return reader.fail(node, fmt::format("{}: no values", reader.path()));
  if (values.size() > kMaxAxisValues) {
    return reader.fail(node, fmt::format("{}: more than {} values", reader.path(), kMaxAxisValues));
  }
  return good;
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> segments;
  std::size_t start = 0;
  while (true) {
    const std::size_t dot = path.find('.', start);
    segments.push_back(path.substr(start, dot - start));
    if (dot == std::string::npos) return segments;
    start = dot + 1;
  }
}

/// A step in the document and its indices from the root.
struct FoundStep {
  Node* node;
  std::vector<std::string> path;
  std::string kind;
};

/// All steps of a list and of the lists inside its steps (loop, parallel).
void find_steps(Node& list, const std::vector<std::string>& path, std::vector<FoundStep>& found) {
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    Node& item = list.items[i];
    std::vector<std::string> item_path = path;
    item_path.push_back(std::to_string(i));
    if (item.is_list()) {
      find_steps(item, item_path, found);
      continue;
    }
    const std::string kind = kind_of_step(item);
    if (kind.empty()) continue;
    found.push_back({&item, item_path, kind});
    if (!item.is_map()) continue;
    Node& options = *item.find(kind);
    item_path.push_back(kind);
    if (options.is_list()) find_steps(options, item_path, found);
    for (std::size_t k = 0; k < options.keys.size(); ++k) {
      std::vector<std::string> inner_path = item_path;
      inner_path.push_back(options.keys[k].name);
      if (options.items[k].is_list()) find_steps(options.items[k], inner_path, found);
    }
  }
}

/// What a step calls itself or what it makes: its `id` or `as`.
bool is_called(const FoundStep& step, const std::string& name) {
  if (!step.node->is_map()) return false;
  const Node& options = *step.node->find(step.kind);
  for (const char* key : {"id", "as"}) {
    const Node* given = options.find(key);
    if (given != nullptr && given->is_scalar() && given->text == name) return true;
  }
  return false;
}

Error bad_path(std::string message, std::string advice) {
  return Error(ErrorKind::kInvalid, std::move(message)).advise(std::move(advice));
}

/// The step that `segment` means: an index of the list, or a name.
Result<FoundStep> step_at(Node& root, const std::string& segment) {
  Node* list = root.find("steps");
  std::vector<FoundStep> all;
  if (list != nullptr) find_steps(*list, {"steps"}, all);
  std::vector<FoundStep> named;
  for (const FoundStep& step : all) {
    const bool is_index = step.path.size() == 2 && step.path[1] == segment;
    if (is_index || is_called(step, segment)) named.push_back(step);
  }
  if (named.empty()) {
    const std::size_t count = list ? list->items.size() : 0;
    return bad_path(fmt::format("no step '{}'", segment),
                    fmt::format("give an index below {}, or a step's `id` or `as`", count));
  }
  return named.front();
}

Result<FoundStep> only_step_of(Node& root, const std::string& kind) {
  std::vector<FoundStep> found;
  if (Node* list = root.find("steps")) find_steps(*list, {"steps"}, found);
  std::erase_if(found, [&](const FoundStep& step) { return step.kind != kind; });
  if (found.size() == 1) return found.front();
  if (found.empty()) return bad_path(fmt::format("the scenario has no step '{}'", kind), {});
  return bad_path(fmt::format("the scenario has {} steps '{}'", found.size(), kind),
                  fmt::format("say which by index: {}.{}", fmt::join(found.front().path, "."), kind));
}

/// The options of a step, made a map that keys can be written to.
Result<Node*> options_of(FoundStep& step) {
  if (step.node->is_scalar()) {
    const Node::Key name{step.node->text, step.node->where};
    Node map;
    map.where = step.node->where;
    map.set(name, Node{});
    *step.node = std::move(map);
  }
  return step.node->find(step.kind);
}

/// Follows keys and indices from `node`; maps on the way are made.
Result<Node*> descend(Node* node, std::span<const std::string> segments, Position where) {
  for (const std::string& segment : segments) {
    if (node->is_list()) {
      std::size_t index = 0;
      const auto read = std::from_chars(segment.data(), segment.data() + segment.size(), index);
      const bool good = read.ec == std::errc() && read.ptr == segment.data() + segment.size();
      if (!good || index >= node->items.size()) {
        return bad_path(fmt::format("'{}' is no index of a list of {}", segment, node->items.size()), {});
      }
      node = &node->items[index];
    } else if (node->is_scalar()) {
      return bad_path(fmt::format("'{}' leads into {}", segment, node->found()),
                      "end the path before it, or write the value as a map");
    } else {
      if (node->find(segment) == nullptr) {
        Node made;
        made.where = where;
        node->set({segment, where}, std::move(made));
      }
      node = node->find(segment);
    }
  }
  return node;
}

constexpr std::array<std::string_view, 4> kPlainRoots{"vm", "runtime", "limits", "timeout"};

}  // namespace

bool Codec<Matrix>::read(Reader& reader, const Node& node, Matrix& matrix) {
  if (node.is_null()) return true;
  if (!node.is_map()) return reader.expected(node, info().expects);
  bool good = true;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const Reader::Within within(reader, node.keys[i].name);
    Axis axis{node.keys[i].name, node.keys[i].where, {}};
    good &= read_values(reader, node.items[i], axis.values);
    matrix.axes.push_back(std::move(axis));
  }
  return good;
}

json Codec<Matrix>::write(const Matrix& matrix) {
  json map = json::object();
  for (const Axis& axis : matrix.axes) {
    for (const Node& value : axis.values) map[axis.path].push_back(free_json(value));
  }
  return map;
}

TypeInfo Codec<Matrix>::info() {
  json values = {{"anyOf",
                  {{{"type", "array"}, {"minItems", 1}},
                   {{"type", "string"}, {"pattern", "^-?[0-9]+\\.\\.-?[0-9]+$"}},
                   Codec<Range>::info().schema}}};
  return {"a map from paths such as runtime.uffd.on_remove to lists of values",
          {{"type", {"object", "null"}}, {"additionalProperties", std::move(values)}},
          {},
          {}};
}

Result<std::vector<std::string>> overlay(Node& root, const std::string& path, Position where, const Node& value) {
  const std::vector<std::string> segments = split(path);
  const std::span<const std::string> all(segments);
  if (std::find(segments.begin(), segments.end(), "") != segments.end()) {
    return bad_path("an empty name in the path", "write it as runtime.uffd.on_remove");
  }
  if (std::find(kPlainRoots.begin(), kPlainRoots.end(), segments[0]) != kPlainRoots.end()) {
    SNAP_ASSIGN(Node * target, descend(&root, all, where));
    *target = value;
    return segments;
  }
  const bool by_kind = Catalog<StepKind>::of().find(segments[0]) != nullptr;
  if (!by_kind && segments[0] != "steps") {
    return bad_path(fmt::format("'{}' cannot be varied", segments[0]),
                    "a path begins with vm, runtime, limits, timeout, steps, or the kind of a step");
  }
  if (!by_kind && segments.size() < 3) return bad_path("no option of a step", "write it as steps.3.prefetch");
  SNAP_ASSIGN(FoundStep step, by_kind ? only_step_of(root, segments[0]) : step_at(root, segments[1]));
  std::span<const std::string> rest = all.subspan(by_kind ? 1 : 2);
  // Both steps.3.prefetch and steps.3.restore.prefetch lead to the step's options.
  if (!by_kind && rest.front() == step.kind) rest = rest.subspan(1);
  SNAP_ASSIGN(Node * options, options_of(step));
  SNAP_ASSIGN(Node * target, descend(options, rest, where));
  *target = value;
  std::vector<std::string> went = step.path;
  went.push_back(step.kind);
  went.insert(went.end(), rest.begin(), rest.end());
  return went;
}

std::optional<std::size_t> count_points(const std::vector<std::size_t>& axis_sizes) {
  std::size_t points = 1;
  for (const std::size_t size : axis_sizes) {
    points *= size;  // Both are small: no overflow before the bound stops it.
    if (points > kMaxPoints) return std::nullopt;
  }
  return points;
}

std::vector<std::size_t> indices_of_point(std::size_t number, const std::vector<std::size_t>& axis_sizes) {
  std::vector<std::size_t> indices(axis_sizes.size());
  for (std::size_t axis = axis_sizes.size(); axis-- > 0;) {
    indices[axis] = number % axis_sizes[axis];
    number /= axis_sizes[axis];
  }
  return indices;
}

}  // namespace snaphammer::scenario
