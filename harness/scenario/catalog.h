// The things that scenarios name: findings, workloads, faults, oracles, phases, step kinds, measures. Each is
// registered in one line where it is implemented; `list`, `describe`, the schema and all checks follow from that.
//
//   const Registration<FindingKind> stale_page{{"stale-page", "A fresh page held bytes from before a snapshot."}};
//   Catalog<FindingKind>::of().find("stale-page")
//
// An entry has `std::string name, summary` and `static constexpr std::string_view kNoun`. Registrations happen before
// main() or at its start, on one thread; after that a catalogue is only read. A static library that holds
// registrations is linked as a whole (snaphammer_steps in CMake does so).
#pragma once

#include <cassert>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/scenario/names.h"

namespace snaphammer::scenario {

template <class Entry>
class Catalog {
 public:
  static Catalog& of() {
    static Catalog catalog;
    return catalog;
  }

  void add(Entry entry) {
    const std::string name = entry.name;
    [[maybe_unused]] const bool is_new = entries_.emplace(name, std::move(entry)).second;
    assert(is_new && "registered twice");
  }

  const Entry* find(std::string_view name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }
  /// In the order of their names.
  const std::map<std::string, Entry, std::less<>>& all() const { return entries_; }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : entries_) names.push_back(name);
    return names;
  }

  /// For FieldBuilder::in_catalog().
  static NameLookup lookup() {
    return {std::string(Entry::kNoun), [] { return of().names(); }};
  }

 private:
  std::map<std::string, Entry, std::less<>> entries_;
};

template <class Entry>
struct Registration {
  explicit Registration(Entry entry) { Catalog<Entry>::of().add(std::move(entry)); }
};

}  // namespace snaphammer::scenario
