#include "harness/scenario/reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace snaphammer::scenario {

bool Reader::fail(Position where, std::string message, std::string advice) {
  if (diagnostics_.size() > kMaxErrors) return false;
  if (diagnostics_.size() == kMaxErrors) {
    message = fmt::format("more than {} errors; the rest is not shown", kMaxErrors);
    advice.clear();
  }
  diagnostics_.push_back(
      {file_, where, std::move(message), std::move(advice), std::string(line_of(text_, where.line))});
  return false;
}

bool Reader::expected(const Node& node, std::string_view what, std::string advice) {
  return invalid(node, fmt::format("expected {}, got {}", what, node.found()), std::move(advice));
}

bool Reader::invalid(const Node& node, std::string_view why, std::string advice) {
  const std::string place = path_.empty() ? "" : path_ + ": ";
  return fail(node, place + std::string(why), std::move(advice));
}

Reader::Within::Within(Reader& reader, std::string_view segment) : reader_(reader), length_(reader.path_.size()) {
  if (!reader_.path_.empty()) reader_.path_ += '.';
  reader_.path_ += segment;
}

void Reader::declare(std::string_view space, const std::string& name, Position where) {
  std::vector<Name>& names = names_.try_emplace(std::string(space)).first->second;
  const auto earlier = std::find_if(names.begin(), names.end(), [&](const Name& n) { return n.name == name; });
  if (earlier == names.end()) {
    names.push_back({name, where});
  } else if (earlier->released) {
    earlier->released = false;
  } else {
    fail(where, fmt::format("{} '{}' is there already, from line {}", space, name, earlier->where.line),
         "give each its own name");
  }
}

void Reader::know(std::string_view space, const std::string& name, Position where) {
  release(space, name);
  declare(space, name, where);
}

bool Reader::refer(std::string_view space, const std::string& name, Position where, const std::string& word) {
  std::vector<std::string> known = declared(space);
  if (misses_names_ || std::find(known.begin(), known.end(), name) != known.end()) return true;
  if (!nearest_name(name, std::vector{word}).empty()) known = {word};
  return fail(where, fmt::format("no earlier step makes {} '{}'", space, name), advise_names(name, known));
}

void Reader::refer_to_any(std::string_view space, const std::string& name, Position where) {
  unsettled_.push_back({std::string(space), name, where});
}

void Reader::settle() {
  for (const Reference& reference : std::exchange(unsettled_, {})) {
    const std::vector<std::string> known = declared(reference.space);
    if (misses_names_ || std::find(known.begin(), known.end(), reference.name) != known.end()) continue;
    fail(reference.where, fmt::format("no step makes {} '{}'", reference.space, reference.name),
         advise_names(reference.name, known));
  }
}

void Reader::release(std::string_view space, const std::string& name) {
  const auto names = names_.find(space);
  if (names == names_.end()) return;
  for (Name& declared : names->second) {
    if (declared.name == name) declared.released = true;
  }
}

std::vector<std::string> Reader::declared(std::string_view space) const {
  std::vector<std::string> known;
  if (const auto names = names_.find(space); names != names_.end()) {
    for (const Name& name : names->second) known.push_back(name.name);
  }
  return known;
}

}  // namespace snaphammer::scenario
