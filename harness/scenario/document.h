// A YAML document as a plain tree with positions; all that the rest of the loader knows of YAML.
//
//   Document document = parse_document("a.yaml", text);      // never throws, whatever the bytes
//   if (document.diagnostics.empty()) use(document.root);
//
// Scalars stay text: what `off` or `1` means is decided by the type that its place expects. Aliases and merge
// keys are expanded here; duplicate keys, tags, several documents, and input beyond the bounds are errors.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "harness/scenario/diagnostic.h"

namespace snaphammer::scenario {

/// Bounds of a scenario file. Far beyond what people write, far below what hurts the loader.
inline constexpr std::size_t kMaxFileBytes = 1u << 20;
inline constexpr std::size_t kMaxNodes = 100'000;  ///< Counted after aliases are expanded.
inline constexpr unsigned kMaxDepth = 64;
/// After that many, the errors of a file are no longer counted.
inline constexpr std::size_t kMaxErrors = 200;

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

  /// What is here, for "expected a list, got ...": "'text'", "a list", "a map", "nothing".
  std::string found() const;
};

struct Document {
  Node root;
  std::vector<Diagnostic> diagnostics;
};

Document parse_document(std::string_view file, std::string_view text);

/// The line of `text` with that number (from 1), without its end.
std::string_view line_of(std::string_view text, std::uint32_t line);

/// JSON as a tree without positions. Text becomes a quoted scalar.
Node node_from_json(const nlohmann::json& json);
/// A tree as JSON, plain scalars by YAML's core rules: null, true, false, numbers, else text.
nlohmann::json free_json(const Node& node);

}  // namespace snaphammer::scenario
