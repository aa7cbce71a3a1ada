#include "harness/report/attribution.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "harness/report/summary_table.h"

namespace snaphammer::report {
namespace {

using Point = std::vector<std::pair<std::string, nlohmann::json>>;

/// A run, as far as it matters here.
struct Sample {
  const Point* point;
  bool found;
};

// A factor is told by its place in the points, which is the same in all of one scenario's.
using Place = std::size_t;

std::string text_of(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// "gc" of "gc=last", where the paths of all factors tell how much of a path is needed.
std::string factor_name(const Point& point, Place place) {
  Point nameless = point;
  for (auto& [path, value] : nameless) value = "";
  std::string names = point_label(nameless);  // "on_remove=,gc=,single_thread="
  for (Place i = 0; i < place; ++i) names.erase(0, names.find("=,") + 2);
  return names.substr(0, names.find('='));
}

/// The values at `places`, with their names.
std::string label_of(const Point& point, const std::vector<Place>& places) {
  std::string label;
  for (const Place place : places) {
    label += (label.empty() ? "" : ",") + factor_name(point, place) + "=" + text_of(point[place].second);
  }
  return label;
}

void count(std::vector<Level>& levels, const std::string& value, bool found) {
  auto level = std::find_if(levels.begin(), levels.end(), [&](const Level& one) { return one.value == value; });
  if (level == levels.end()) level = levels.insert(levels.end(), Level{value, {}});
  ++level->share.runs;
  level->share.found += found ? 1 : 0;
}

/// One comparison for each combination of values at `fixed` that runs have.
std::vector<Comparison> compare(const std::vector<Sample>& samples, Place place, const std::vector<Place>& fixed) {
  std::vector<Comparison> comparisons;
  for (const Sample& sample : samples) {
    const std::string where = label_of(*sample.point, fixed);
    auto own =
        std::find_if(comparisons.begin(), comparisons.end(), [&](const auto& one) { return one.where == where; });
    if (own == comparisons.end()) own = comparisons.insert(comparisons.end(), Comparison{where, {}});
    count(own->levels, text_of((*sample.point)[place].second), sample.found);
  }
  return comparisons;
}

/// How far the intervals of the two shares that differ most are apart; negative where all overlap.
double gap_of(const std::vector<Comparison>& comparisons) {
  double widest = -1;
  for (const Comparison& comparison : comparisons) {
    double highest = 0;
    double lowest = 1;
    for (const Level& level : comparison.levels) {
      highest = std::max(highest, level.share.interval().low);
      lowest = std::min(lowest, level.share.interval().high);
    }
    widest = std::max(widest, highest - lowest);
  }
  return widest;
}

bool decides(const std::vector<Comparison>& comparisons) {
  std::map<std::string, bool> found_with;  // What a value does, it does everywhere.
  for (const Comparison& comparison : comparisons) {
    for (const auto& [value, share] : comparison.levels) {
      const bool found = share.found != 0;
      if (found && share.found != share.runs) return false;
      if (found_with.emplace(value, found).first->second != found) return false;
    }
  }
  return true;
}

/// Whether shares of so many runs could differ, if all runs with one value had the finding and none with another.
bool could_differ(const std::vector<Comparison>& comparisons) {
  std::vector<Comparison> extreme = comparisons;
  for (Comparison& comparison : extreme) {
    auto most = std::max_element(comparison.levels.begin(), comparison.levels.end(),
                                 [](const Level& a, const Level& b) { return a.share.runs < b.share.runs; });
    for (Level& level : comparison.levels) level.share.found = 0;
    most->share.found = most->share.runs;
  }
  return gap_of(extreme) > 0;
}

Effect effect_of(const std::vector<Comparison>& comparisons) {
  if (gap_of(comparisons) > 0) return decides(comparisons) ? Effect::kDecides : Effect::kMatters;
  const auto is_alone = [](const Comparison& comparison) { return comparison.levels.size() == 1; };
  if (std::all_of(comparisons.begin(), comparisons.end(), is_alone)) return Effect::kNotToldApart;
  return could_differ(comparisons) ? Effect::kNoneSeen : Effect::kTooFewRuns;
}

/// Takes the factors out of `places` in the order in which they are judged.
std::vector<Factor> judge(const std::vector<Sample>& samples, std::vector<Place> places) {
  std::vector<Factor> factors;
  std::vector<Place> judged;
  while (!places.empty()) {
    const auto gap = [&](Place place) { return gap_of(compare(samples, place, judged)); };
    const auto clearest =
        std::max_element(places.begin(), places.end(), [&](Place a, Place b) { return gap(a) < gap(b); });
    if (gap(*clearest) <= 0) break;
    std::vector<Comparison> comparisons = compare(samples, *clearest, judged);
    factors.push_back({factor_name(*samples.front().point, *clearest), effect_of(comparisons), std::move(comparisons)});
    judged.push_back(*clearest);
    places.erase(clearest);
  }
  for (const Place place : places) {
    std::vector<Comparison> comparisons = compare(samples, place, judged);
    factors.push_back({factor_name(*samples.front().point, place), effect_of(comparisons), std::move(comparisons)});
  }
  return factors;
}

/// Those of several values.
std::vector<Place> varying(const std::vector<const RunResult*>& runs) {
  std::vector<Place> places;
  for (Place place = 0; place < runs.front()->point.size(); ++place) {
    const auto differs = [&](const RunResult* run) { return run->point[place] != runs.front()->point[place]; };
    if (std::any_of(runs.begin(), runs.end(), differs)) places.push_back(place);
  }
  return places;
}

bool have_same_keys(const std::vector<const RunResult*>& runs) {
  return std::all_of(runs.begin(), runs.end(), [&](const RunResult* run) {
    return std::equal(run->point.begin(), run->point.end(), runs.front()->point.begin(), runs.front()->point.end(),
                      [](const auto& a, const auto& b) { return a.first == b.first; });
  });
}

bool has(const RunResult& run, const std::string& finding) {
  return std::any_of(run.findings.begin(), run.findings.end(), [&](const Finding& one) { return one.id == finding; });
}

void attribute_scenario(const std::string& scenario, const std::vector<const RunResult*>& runs, std::size_t not_judged,
                        std::vector<Attribution>& all) {
  constexpr std::size_t kFewest = 2;  // With one factor the runs themselves say it.
  if (runs.empty() || !have_same_keys(runs)) return;
  const std::vector<Place> places = varying(runs);
  if (places.size() < kFewest) return;
  std::set<std::string> findings;
  for (const RunResult* run : runs) {
    for (const Finding& finding : run->findings) findings.insert(finding.id);
  }
  for (const std::string& finding : findings) {
    Attribution attribution{
        .scenario = scenario, .finding = finding, .all = {}, .not_judged = not_judged, .factors = {}};
    std::vector<Sample> samples;
    for (const RunResult* run : runs) {
      samples.push_back({&run->point, has(*run, finding)});
      ++attribution.all.runs;
      attribution.all.found += samples.back().found ? 1 : 0;
    }
    attribution.factors = judge(samples, places);
    all.push_back(std::move(attribution));
  }
}

}  // namespace

std::string_view name_of(Effect effect) {
  switch (effect) {
    case Effect::kDecides:
      return "decides";
    case Effect::kMatters:
      return "matters";
    case Effect::kNoneSeen:
      return "none seen";
    case Effect::kTooFewRuns:
      return "too few runs";
    case Effect::kNotToldApart:
      return "not told apart";
  }
  return "?";
}

std::vector<Attribution> attribute(const std::vector<RunResult>& runs) {
  std::vector<std::string> scenarios;
  for (const RunResult& run : runs) {
    if (std::find(scenarios.begin(), scenarios.end(), run.scenario) == scenarios.end())
      scenarios.push_back(run.scenario);
  }
  std::vector<Attribution> all;
  for (const std::string& scenario : scenarios) {
    std::vector<const RunResult*> judged;
    std::size_t not_judged = 0;
    for (const RunResult& run : runs) {
      if (run.scenario != scenario) continue;
      if (run.verdict == Verdict::kPass || run.verdict == Verdict::kFail) {
        judged.push_back(&run);
      } else {
        ++not_judged;
      }
    }
    attribute_scenario(scenario, judged, not_judged, all);
  }
  return all;
}

}  // namespace snaphammer::report
