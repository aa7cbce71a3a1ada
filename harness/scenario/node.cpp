#include "harness/scenario/node.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace snaphammer::scenario {

const Node* Node::find(std::string_view name) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].name == name) return &items[i];
  }
  return nullptr;
}
Node* Node::find(std::string_view name) { return const_cast<Node*>(std::as_const(*this).find(name)); }

void Node::set(const Key& key, Node value) {
  if (is_null()) kind = Kind::kMap;
  if (Node* existing = find(key.name)) {
    *existing = std::move(value);
    return;
  }
  keys.push_back(key);
  items.push_back(std::move(value));
}

void Node::erase(std::string_view name) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].name != name) continue;
    keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(i));
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

std::size_t Node::nodes() const {
  std::size_t count = 1;
  for (const Node& item : items) count += item.nodes();
  return count;
}

std::string Node::found() const {
  constexpr std::size_t kLongest = 60;
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return items.empty() ? "an empty list" : "a list";
    case Kind::kMap:
      return items.empty() ? "an empty map" : "a map";
    case Kind::kScalar:
      break;
  }
  std::string shown = text.substr(0, text.find('\n'));
  // Cut between characters, not inside one.
  if (shown.size() > kLongest) {
    std::size_t end = kLongest;
    while (end > 0 && continues_character(shown[end])) --end;
    shown.resize(end);
  }
  return fmt::format("'{}{}'", shown, shown.size() < text.size() ? "..." : "");
}

Node node_from_json(const nlohmann::json& json) {
  Node node;
  if (json.is_object()) {
    node.kind = Node::Kind::kMap;
    for (const auto& [name, value] : json.items()) node.set({name, {}}, node_from_json(value));
  } else if (json.is_array()) {
    node.kind = Node::Kind::kList;
    for (const auto& value : json) node.items.push_back(node_from_json(value));
  } else if (!json.is_null()) {
    node.kind = Node::Kind::kScalar;
    node.quoted = json.is_string();
    node.text = json.is_string() ? json.get<std::string>() : json.dump();
  }
  return node;
}

nlohmann::json free_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kList: {
      nlohmann::json list = nlohmann::json::array();
      for (const Node& item : node.items) list.push_back(free_json(item));
      return list;
    }
    case Node::Kind::kMap: {
      nlohmann::json map = nlohmann::json::object();
      for (std::size_t i = 0; i < node.keys.size(); ++i) map[node.keys[i].name] = free_json(node.items[i]);
      return map;
    }
    case Node::Kind::kScalar:
      break;
  }
  if (node.quoted) return node.text;
  if (node.text == "true" || node.text == "false") return node.text == "true";
  const char* const begin = node.text.data();
  const char* const end = begin + node.text.size();
  std::int64_t integer = 0;
  if (const auto read = std::from_chars(begin, end, integer); read.ec == std::errc() && read.ptr == end) return integer;
  const bool starts_as_number =
      !node.text.empty() && node.text.find_first_not_of("0123456789.+-eE") == std::string::npos;
  double number = 0;
  if (const auto read = std::from_chars(begin, end, number);
      starts_as_number && read.ec == std::errc() && read.ptr == end) {
    return number;
  }
  return node.text;
}

}  // namespace snaphammer::scenario
