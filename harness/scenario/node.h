// A tree of text with positions: what a scenario file says, before anybody has decided what it means.
//
//   if (const Node* timeout = node.find("timeout")) read(*timeout);
//
// Scalars stay text: what `off` or `1` means is decided by the type that its place expects. Plain data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "harness/scenario/diagnostic.h"

namespace snaphammer::scenario {

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Key {
    std::string name;
    Position where;
  };

  Kind kind = Kind::kNull;
  Position where;
  std::string text;         ///< Of a scalar.
  bool quoted = false;      ///< The scalar was written in quotes, or as a block.
  std::vector<Key> keys;    ///< Of a map: keys[i] names items[i]. In the file's order, each name once.
  std::vector<Node> items;  ///< Of a list or a map.

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }

  /// The value under `name`, or null when this is no map or has no such key.
  const Node* find(std::string_view name) const;
  Node* find(std::string_view name);
  /// Sets or replaces the value under `name`; a null node becomes a map first.
  void set(const Key& key, Node value);
  void erase(std::string_view name);

  /// This one and all below it.
  std::size_t nodes() const;

  /// What is here, for "expected a list, got ...": "'text'", "a list", "an empty map", "nothing".
  std::string found() const;
};

/// JSON as a tree without positions. Text becomes a quoted scalar.
Node node_from_json(const nlohmann::json& json);
/// A tree as JSON, plain scalars by YAML's core rules: null, true, false, numbers, else text.
nlohmann::json free_json(const Node& node);

}  // namespace snaphammer::scenario
