#include "harness/scenario/document.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_map>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "harness/scenario/yaml_syntax.h"

namespace snaphammer::scenario {
namespace {

/// Ends the parse: what follows cannot be understood, or is beyond the bounds.
struct Stop {
  Position where;
  std::string message;
  std::string advice;
};

/// Positions from yaml-cpp's marks, which count bytes.
class Places {
 public:
  explicit Places(std::string_view text) : continuing_(text.size() + 1) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      continuing_[i + 1] = continuing_[i] + (continues_character(text[i]) ? 1 : 0);
    }
  }
  Position of(const YAML::Mark& mark) const {
    if (mark.is_null()) return {};
    const auto column = static_cast<std::uint32_t>(mark.column);
    const auto end = std::min(static_cast<std::size_t>(mark.pos), continuing_.size() - 1);
    const std::size_t start = end - std::min<std::size_t>(end, column);
    const std::uint32_t hidden = continuing_[end] - continuing_[start];
    return {static_cast<std::uint32_t>(mark.line + 1), column + 1 - hidden};
  }

 private:
  std::vector<std::uint32_t> continuing_;  ///< [i]: bytes before i that only continue a character.
};

/// Levels of lists and maps.
unsigned depth_of(const Node& node) {
  if (!node.is_list() && !node.is_map()) return 0;
  unsigned depth = 0;
  for (const Node& item : node.items) depth = std::max(depth, depth_of(item));
  return depth + 1;
}

/// Builds the tree from yaml-cpp's events. yaml-cpp's own node tree hides duplicate keys and expands nothing.
class TreeBuilder : public YAML::EventHandler {
 public:
  struct Problem {
    Position where;
    std::string message;
  };

  TreeBuilder(std::string_view text, const Places& places) : text_(text), places_(places) {}

  Node root;
  std::vector<Problem> problems;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (seen_document_) throw Stop{places_.of(mark), "a second document begins here", "write one scenario per file"};
    seen_document_ = true;
  }
  void OnDocumentEnd() override {}

  /// For the parser's complaint about the place `at`.
  YamlSeen seen_at(const YAML::Mark& at) const {
    YamlSeen seen;
    seen.line_number = places_.of(at).line;
    seen.line = line_of(text_, seen.line_number);
    seen.rest = seen.line.substr(std::min(seen.line.size(), static_cast<std::size_t>(std::max(at.column, 0))));
    for (const Open& open : open_) {
      const char first = open.start < text_.size() ? text_[open.start] : '\0';
      if (first == '{' || first == '[') seen.bracket = {.opening = first, .where = open.node.where};
    }
    seen.quote = long_quote_;
    return seen;
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.where = places_.of(mark);
    complete(std::move(node), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.where = places_.of(mark);
    node.text = value;
    node.quoted = tag == "!";
    refuse_tag(tag, node.where);
    if (node.quoted) expect_closed(mark, node.where);
    complete(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Stop{places_.of(mark), "an alias inside of what it stands for", "anchor a part that does not contain it"};
    }
    Node copy = found->second;
    if (open_.size() + depth_of(copy) > kMaxDepth) too_deep(places_.of(mark));
    count(copy.nodes() - 1, places_.of(mark));
    complete(std::move(copy), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override {
    if (open_.back().merges) merge(open_.back().node);
    close();
  }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::size_t start = 0;     ///< The byte that it begins with, behind an anchor.
    bool key_pending = false;  ///< Of a map: the last key has no value yet.
    bool merges = false;       ///< Of a map: it has a merge key, or a key twice.
    std::unordered_map<std::string, std::uint32_t> line_of_key;
  };

  static void refuse_tag(const std::string& tag, Position where) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Stop{where, fmt::format("a tag ({})", tag), "remove it: a value is read as the type that its key expects"};
  }
  [[noreturn]] static void too_deep(Position where) {
    throw Stop{where, fmt::format("nested more than {} levels deep", kMaxDepth), {}};
  }
  void count(std::size_t added, Position where) {
    nodes_ += added;
    if (nodes_ > kMaxNodes) {
      throw Stop{where, fmt::format("more than {} values, aliases expanded", kMaxNodes), {}};
    }
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const Position where = places_.of(mark);
    refuse_tag(tag, where);
    if (open_.size() + 1 > kMaxDepth) too_deep(where);
    if (expects_key()) throw Stop{where, "a key that is a list or a map", "keys are words"};
    Open opened;
    opened.node.kind = kind;
    opened.node.where = where;
    opened.anchor = anchor;
    opened.start = start_of(mark);
    open_.push_back(std::move(opened));
  }
  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    complete(std::move(closed.node), closed.anchor);
  }
  bool expects_key() const { return !open_.empty() && open_.back().node.is_map() && !open_.back().key_pending; }

  /// Gives a finished value to the list, map or document that it belongs to.
  void complete(Node node, YAML::anchor_t anchor) {
    count(1, node.where);
    if (anchor != 0) {
      count(node.nodes(), node.where);  // The copy that aliases will be made from.
      anchors_[anchor] = node;
    }
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (expects_key()) {
      add_key(parent, node);
      parent.key_pending = true;
      return;
    }
    // yaml-cpp places what is not there at the next thing that is.
    if (node.is_null() && parent.node.is_map()) node.where = parent.node.keys.back().where;
    parent.node.items.push_back(std::move(node));
    parent.key_pending = false;
  }

  void add_key(Open& map, const Node& key) {
    if (!key.is_scalar()) throw Stop{key.where, "a key that is no word", "keys are words"};
    const bool is_merge = key.text == "<<" && !key.quoted;
    const auto [earlier, is_new] = map.line_of_key.emplace(key.text, key.where.line);
    map.merges |= is_merge || !is_new;
    if (!is_new && !is_merge && problems.size() < kMaxErrors) {
      problems.push_back(
          {key.where, fmt::format("key '{}' is there twice; first in line {}", key.text, earlier->second)});
    }
    map.node.keys.push_back({key.text, key.where});
  }

  /// Applies `<<: *settings`: its keys count unless the map has them itself. Drops the later of duplicate keys.
  void merge(Node& map) {
    Node merged;
    merged.kind = Node::Kind::kMap;
    merged.where = map.where;
    std::vector<Node> sources;
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
      if (map.keys[i].name == "<<") {
        const Node& source = map.items[i];
        if (source.is_list()) {
          sources.insert(sources.end(), source.items.begin(), source.items.end());
        } else {
          sources.push_back(source);
        }
      } else if (merged.find(map.keys[i].name) == nullptr) {
        merged.keys.push_back(map.keys[i]);
        merged.items.push_back(std::move(map.items[i]));
      }
    }
    for (const Node& source : sources) {
      if (!source.is_map()) throw Stop{source.where, "expected a map to merge (<<), got " + source.found(), {}};
      for (std::size_t i = 0; i < source.keys.size(); ++i) {
        if (merged.find(source.keys[i].name) == nullptr) merged.set(source.keys[i], source.items[i]);
      }
    }
    map = std::move(merged);
  }

  /// Where the value begins whose anchor, or itself, is at `mark`.
  std::size_t start_of(const YAML::Mark& mark) const {
    std::size_t start = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (start >= text_.size() || text_[start] != '&') return start;
    start = text_.find_first_of(" \r\n", start);
    return std::min(text_.find_first_not_of(" \r\n", start), text_.size());
  }
  /// yaml-cpp takes the end of the file for the end of a text in quotes.
  void expect_closed(const YAML::Mark& mark, Position where) {
    const std::size_t start = start_of(mark);
    const char quote = start < text_.size() ? text_[start] : '\0';
    if (quote != '\'' && quote != '"') return;  // A block.
    const std::size_t end = end_of_quoted(text_, start);
    if (end == std::string_view::npos) {
      throw Stop{where, "not YAML: a quote that is never closed", fmt::format("close it with {}", quote)};
    }
    const std::string_view quoted = text_.substr(start, end - start);
    const auto more_lines = static_cast<std::uint32_t>(std::count(quoted.begin(), quoted.end(), '\n'));
    if (more_lines > 0) long_quote_ = {.opened = where, .closed_in_line = where.line + more_lines};
  }

  const std::string_view text_;
  const Places& places_;
  std::optional<YamlSeen::Quote> long_quote_;
  bool seen_document_ = false;
  std::size_t nodes_ = 0;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
};

/// The byte at which `text` stops being UTF-8 without control characters, or npos.
std::size_t first_bad_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80                   ? 1
                               : byte >= 0xC2 && byte < 0xE0 ? 2
                               : byte >= 0xE0 && byte < 0xF0 ? 3
                               : byte >= 0xF0 && byte < 0xF5 ? 4
                                                             : 0;
    if (length == 0 || i + length > text.size()) return i;
    if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') return i;
    if (byte == 0x7F) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if (!continues_character(text[i + k])) return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

Position position_at(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0.
  const std::string_view line = before.substr(line_start);
  return {static_cast<std::uint32_t>(1 + std::count(before.begin(), before.end(), '\n')),
          static_cast<std::uint32_t>(1 + line.size() - std::count_if(line.begin(), line.end(), continues_character))};
}

}  // namespace

Document parse_document(std::string_view file, std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // A byte order mark.
  Document document;
  const auto fail = [&](Position where, std::string message, std::string advice) {
    document.diagnostics.push_back(
        {std::string(file), where, std::move(message), std::move(advice), std::string(line_of(text, where.line))});
  };
  if (text.size() > kMaxFileBytes) {
    fail({}, fmt::format("{} bytes: larger than a scenario may be ({})", text.size(), kMaxFileBytes), {});
    return document;
  }
  if (const std::size_t bad = first_bad_byte(text); bad != std::string_view::npos) {
    fail(position_at(text, bad), fmt::format("byte 0x{:02x} is not text", static_cast<unsigned char>(text[bad])),
         "save the file as UTF-8");
    return document;
  }
  const Places places(text);
  TreeBuilder builder(text, places);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    document.root = std::move(builder.root);
  } catch (const Stop& stop) {
    fail(stop.where, stop.message, stop.advice);
  } catch (const YAML::Exception& error) {
    const YamlFault fault = explain(error.msg, builder.seen_at(error.mark));
    fail(places.of(error.mark), fault.message, fault.advice);
  }
  for (const TreeBuilder::Problem& problem : builder.problems) fail(problem.where, problem.message, {});
  return document;
}

std::string_view line_of(std::string_view text, std::uint32_t line) {
  if (line == 0) return {};
  std::size_t start = 0;
  for (std::uint32_t i = 1; i < line; ++i) {
    start = text.find('\n', start);
    if (start == std::string_view::npos) return {};
    ++start;
  }
  std::string_view found = text.substr(start, text.find('\n', start) - start);
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

}  // namespace snaphammer::scenario
