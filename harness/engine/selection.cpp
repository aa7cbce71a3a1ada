#include "harness/engine/selection.h"

#include <algorithm>
#include <charconv>

#include <fnmatch.h>
#include <nlohmann/json.hpp>

namespace snaphammer::engine {
namespace {

bool is_pattern(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

bool matches_pattern(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

std::string text_of(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// "on_remove" names runtime.uffd.on_remove, as "uffd.on_remove" does.
bool names_path(std::string_view key, std::string_view path) {
  return path == key || (path.size() > key.size() && path.ends_with(key) && path[path.size() - key.size() - 1] == '.');
}

}  // namespace

Result<Filter> Filter::parse(std::string_view expression) {
  Filter filter;
  std::string_view rest = expression;
  while (true) {
    std::string_view word = rest.substr(0, rest.find(','));
    const std::size_t taken = word.size();
    Term term;
    if (word.starts_with('!')) {
      term.inverted = true;
      word.remove_prefix(1);
    }
    if (word.starts_with("tag:")) {
      term.kind = Term::Kind::kTag;
      word.remove_prefix(4);
    } else if (const std::size_t equals = word.find('='); equals != std::string_view::npos) {
      term.kind = Term::Kind::kPoint;
      term.key = word.substr(0, equals);
      word.remove_prefix(equals + 1);
    } else if (is_pattern(word)) {
      term.kind = Term::Kind::kPattern;
    }
    term.value = word;
    if (term.value.empty() || (term.kind == Term::Kind::kPoint && term.key.empty())) {
      return Error(ErrorKind::kInvalid, "filter '" + std::string(expression) + "': a term is empty")
          .advise("terms are TEXT, PATTERN*, tag:NAME or KEY=VALUE, with commas between them");
    }
    filter.terms_.push_back(std::move(term));
    if (taken == rest.size()) return filter;
    rest.remove_prefix(taken + 1);
  }
}

bool Filter::holds(const Term& term, const scenario::RunPlan& plan) {
  switch (term.kind) {
    case Term::Kind::kText:
      return plan.id.find(term.value) != std::string::npos;
    case Term::Kind::kPattern:
      return matches_pattern(term.value, plan.scenario->name);
    case Term::Kind::kTag:
      return std::ranges::any_of(plan.scenario->tags,
                                 [&](const std::string& tag) { return matches_pattern(term.value, tag); });
    case Term::Kind::kPoint:
      return std::ranges::any_of(plan.point, [&](const auto& setting) {
        return names_path(term.key, setting.first) && matches_pattern(term.value, text_of(setting.second));
      });
  }
  return false;
}

bool Filter::matches(const scenario::RunPlan& plan) const {
  return std::ranges::all_of(terms_, [&](const Term& term) { return holds(term, plan) != term.inverted; });
}

Result<Shard> Shard::parse(std::string_view text) {
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto [slash, index_error] = std::from_chars(text.data(), end, shard.index);
  if (index_error == std::errc() && slash != end && *slash == '/') {
    const auto [rest, count_error] = std::from_chars(slash + 1, end, shard.count);
    const bool valid = count_error == std::errc() && rest == end && shard.index >= 1 && shard.index <= shard.count;
    if (valid) return shard;
  }
  return Error(ErrorKind::kInvalid, "shard '" + std::string(text) + "': expected I/N with I from 1 to N")
      .advise("for instance --shard 1/4 on the first of four machines");
}

std::vector<scenario::RunPlan> select(std::vector<scenario::RunPlan> plans, const std::vector<Filter>& filters,
                                      Shard shard) {
  std::vector<scenario::RunPlan> chosen;
  std::size_t matching = 0;
  for (scenario::RunPlan& plan : plans) {
    const bool wanted =
        filters.empty() || std::ranges::any_of(filters, [&](const Filter& filter) { return filter.matches(plan); });
    if (!wanted || matching++ % shard.count != shard.index - 1) continue;
    chosen.push_back(std::move(plan));
  }
  return chosen;
}

}  // namespace snaphammer::engine
