#include "harness/scenario/plan.h"

#include <algorithm>
#include <limits>
#include <random>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/scenario/course.h"
#include "harness/scenario/idle_knobs.h"
#include "harness/scenario/plan_id.h"

namespace snaphammer::scenario {
namespace {

/// QEMU's own memory, most of it translated code, and a guest's part of the worker's and the page server's.
constexpr ByteCount kAroundGuest = 256_MiB;

/// The entry of `expect` that decides for a point; the default when none matches.
Expectation expectation_for(const LoadedScenario& loaded, const Point& point) {
  const auto holds = [&](const Condition& condition, const std::vector<nlohmann::json>& accepted) {
    const auto value =
        std::find_if(point.begin(), point.end(), [&](const auto& entry) { return entry.first == condition.path; });
    return value != point.end() && std::find(accepted.begin(), accepted.end(), value->second) != accepted.end();
  };
  const std::vector<Expectation>& entries = loaded.first_point.expect;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    bool all_hold = true;
    for (std::size_t c = 0; c < entries[i].when.conditions.size(); ++c) {
      all_hold &= holds(entries[i].when.conditions[c], loaded.accepted[i][c]);
    }
    if (all_hold) return entries[i];
  }
  return {};
}

/// "steps.0.id: a, vm.memory: 128MiB"
std::string describe(const Point& point) {
  std::string text;
  for (const auto& [path, value] : point) {
    const std::string written = value.is_string() ? value.get<std::string>() : value.dump();
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", path, written);
  }
  return text;
}

}  // namespace

Planned plan(const LoadedScenario& loaded, const PlanOptions& options) {
  Planned planned;
  std::vector<std::size_t> sizes;
  for (const ResolvedAxis& axis : loaded.axes) sizes.push_back(axis.axis.values.size());
  const std::size_t points = count_points(sizes).value();
  const unsigned repeat = options.repeat.value_or(loaded.first_point.repeat);
  const std::uint64_t first_seed = options.seed.value_or(loaded.first_point.seed.value_or(options.random_seed));

  if (repeat > kMaxRuns / points) {
    const Position where = loaded.axes.empty() ? Position{} : loaded.axes.front().axis.where;
    planned.diagnostics.push_back(
        {.file = loaded.source->file,
         .where = where,
         .message = fmt::format("{} points, each {} times, are more than {} runs", points, repeat, kMaxRuns),
         .advice = "repeat fewer times, or split the scenario",
         .source_line = {}});
    return planned;
  }

  Node document = loaded.root;
  document.erase("matrix");     // A point has none; a long one would be copied into each of its points.
  std::vector<Diagnostic> met;  // Of the first point that has it.
  for (std::size_t number = 0; number < points; ++number) {
    Point point;
    Node root = document;
    const std::vector<std::size_t> indices = indices_of_point(number, sizes);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const ResolvedAxis& axis = loaded.axes[i];
      const auto place = overlay(root, axis.axis.path, axis.axis.where, axis.axis.values[indices[i]]);
      if (!place) continue;  // Not reached: loading has tried each axis.
      point.emplace_back(axis.axis.path, axis.canonical[indices[i]]);
    }
    Reader reader(loaded.source->file, loaded.source->text, loaded.options);
    std::optional<Scenario> scenario = read_scenario(reader, root);
    if (!scenario) {
      for (const Diagnostic& diagnostic : reader.diagnostics()) {
        if (std::find(met.begin(), met.end(), diagnostic) != met.end()) continue;
        met.push_back(diagnostic);
        planned.diagnostics.push_back(diagnostic);
        planned.diagnostics.back().message += " (with " + describe(point) + ")";
      }
      continue;
    }
    const auto shared = std::make_shared<const Scenario>(*std::move(scenario));
    const Expectation expectation = expectation_for(loaded, point);
    for (unsigned i = 0; i < repeat; ++i) {
      const std::uint64_t seed = first_seed + i;
      planned.runs.push_back({run_id(shared->name, point, seed), shared, point, seed, expectation, loaded.source});
    }
  }
  if (!planned.diagnostics.empty()) planned.runs.clear();
  return planned;
}

std::uint64_t fresh_seed() {
  std::random_device device;
  return std::uniform_int_distribution<std::uint64_t>(1, 999'999'999)(device);
}

Duration expected_time(const RunPlan& plan) {
  return std::min(expected_time(plan.scenario->steps), plan.scenario->timeout);
}

ByteCount expected_memory(const RunPlan& plan) {
  constexpr ByteCount kAll = std::numeric_limits<ByteCount>::max();
  const std::optional<std::uint64_t> clones = most_clones(*plan.scenario);
  if (!clones) return kAll;
  const ByteCount one = plan.scenario->vm.memory + kAroundGuest;
  const std::uint64_t guests = *clones + 1;
  return one > kAll / guests ? kAll : one * guests;
}

Judgement judge(const RunPlan& plan, const report::RunResult& result) {
  Judgement judgement = judge(plan.expectation, result);
  if (judgement.expected || plan.expectation.verdict != Verdict::kFail) return judgement;
  for (const std::string& why : idle_knobs(plan.scenario->runtime, result)) judgement.reason += "; " + why;
  return judgement;
}

}  // namespace snaphammer::scenario
