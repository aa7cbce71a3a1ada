#include "harness/scenario/limits.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "harness/report/statistics.h"

namespace snaphammer::scenario {
namespace {

using nlohmann::json;
using report::RunResult;

// Of a guest that was restored more than once from the same snapshot; one that was faster has none.
std::vector<double> restore_slowdown(const RunResult& result) {
  std::map<std::pair<std::string, std::string>, double> first;
  std::vector<double> samples;
  for (const report::RestoreReport& restore : result.restores) {
    if (!restore.to_healthy_ms) continue;
    const auto [known, is_first] = first.try_emplace({restore.guest, restore.from}, *restore.to_healthy_ms);
    if (!is_first) samples.push_back(std::max(0.0, *restore.to_healthy_ms - known->second));
  }
  return samples;
}
std::vector<double> downtime(const RunResult& result) {
  std::vector<double> samples;
  for (const report::PauseReport& pause : result.pauses) samples.push_back(pause.downtime_ms);
  return samples;
}
std::vector<double> pause(const RunResult& result) {
  std::vector<double> samples;
  for (const report::PauseReport& pause : result.pauses) {
    double whole = 0;
    for (const auto& [name, ms] : pause.phases_ms) whole += ms;
    samples.push_back(whole);
  }
  return samples;
}

const Registration<MeasureKind> kMeasures[] = {
    Registration<MeasureKind>{
        {"restore_to_healthy",
         "From the restore request until health and one exec have answered, as await_healthy sees it.",
         "a `restore` and, while its guest lives, an `await_healthy`",
         {"restore", "clone"},
         [](const RunResult& result) { return result.times_to_healthy(); }}},
    Registration<MeasureKind>{{"restore_slowdown",
                               "How much longer a guest's restore took than its first one from a snapshot of that id.",
                               "two restores from one snapshot, each with an `await_healthy` after it",
                               {"restore", "clone"},
                               restore_slowdown}},
    Registration<MeasureKind>{
        {"downtime", "How long vCPUs stand still for a snapshot.", "a `snapshot`", {"snapshot"}, downtime}},
    Registration<MeasureKind>{
        {"pause", "The whole pause sequence, from the first refusal to the end.", "a `snapshot`", {"snapshot"}, pause}},
};

/// A bound, and the statistic that it bounds.
struct Bound {
  const char* name;
  std::optional<Duration> Limit::*limit;
  double (*statistic)(std::span<const double>);
};
constexpr std::array<Bound, 5> kBounds{{
    {"mean", &Limit::mean, report::mean},
    {"p50", &Limit::p50, [](std::span<const double> s) { return report::percentile(s, 50); }},
    {"p90", &Limit::p90, [](std::span<const double> s) { return report::percentile(s, 90); }},
    {"p99", &Limit::p99, [](std::span<const double> s) { return report::percentile(s, 99); }},
    {"max", &Limit::max, report::maximum},
}};

std::vector<double> samples_of(const std::string& measure, const RunResult& result) {
  return Catalog<MeasureKind>::of().find(measure)->samples_ms(result);
}

}  // namespace

void describe(Fields<Limit>& fields) {
  for (const Bound& bound : kBounds) {
    fields.add(bound.name, bound.limit, fmt::format("The {} of a run's samples is at most this.", bound.name));
  }
  fields.rule([](Limit&, Reader& reader, const Node& node) {
    if (node.keys.empty()) reader.expected(node, "at least one bound such as `max: 3s`");
  });
}

bool Codec<Limits>::read(Reader& reader, const Node& node, Limits& limits) {
  if (node.is_null()) return true;
  if (!node.is_map()) return reader.expected(node, info().expects);
  bool good = true;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const Node::Key& key = node.keys[i];
    Node name = node_from_json(key.name);
    name.where = key.where;
    const Reader::Within within(reader, key.name);
    good &= check_name(reader, name, key.name, Catalog<MeasureKind>::lookup());
    Limit& limit = limits.by_measure[key.name];
    good &= Codec<Limit>::read(reader, node.items[i], limit);
    limit.where = key.where;
  }
  return good;
}

json Codec<Limits>::write(const Limits& limits) {
  json map = json::object();
  for (const auto& [name, limit] : limits.by_measure) map[name] = Codec<Limit>::write(limit);
  return map;
}

TypeInfo Codec<Limits>::info() {
  std::vector<FieldInfo> fields;
  for (const auto& [name, kind] : Catalog<MeasureKind>::of().all()) {
    fields.push_back({name, kind.summary, false, nullptr, Codec<Limit>::info()});
  }
  return struct_info(std::move(fields), {}, {});
}

std::vector<report::Finding> check_limits(const Limits& limits, const RunResult& result) {
  std::vector<report::Finding> findings;
  for (const auto& [name, limit] : limits.by_measure) {
    const std::vector<double> samples = samples_of(name, result);
    if (samples.empty()) continue;
    for (const Bound& bound : kBounds) {
      const std::optional<Duration> most = limit.*bound.limit;
      const double measured = bound.statistic(samples);
      if (!most || measured <= to_ms(*most)) continue;
      report::Finding finding;
      finding.id = "limit";
      finding.oracle = "limits";
      finding.message =
          fmt::format("{} {}: {:.1f} ms, more than {}", name, bound.name, measured, format_duration(*most));
      finding.evidence = {{"measure", name},
                          {"statistic", bound.name},
                          {"measured_ms", measured},
                          {"limit_ms", to_ms(*most)},
                          {"samples", samples.size()}};
      findings.push_back(std::move(finding));
    }
  }
  return findings;
}

std::optional<std::string> unmeasured_limit(const Limits& limits, const RunResult& result) {
  for (const auto& [name, limit] : limits.by_measure) {
    if (!samples_of(name, result).empty()) continue;
    return fmt::format("{} was never measured: it takes {}", name, Catalog<MeasureKind>::of().find(name)->taken_by);
  }
  return {};
}

}  // namespace snaphammer::scenario
