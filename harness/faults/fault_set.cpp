#include "harness/faults/fault_set.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/base/log.h"
#include "lib/sandbox/phases.h"

namespace snaphammer::faults {

using report::FaultReport;

namespace {

/// A VMM that is broken by other means may not answer any more.
constexpr Duration kHealLimit = std::chrono::seconds(15);

// What one that has begun has waited for in vain: ": it acts when ...".
std::string occasion_of(const std::string& fault) {
  const std::string& acts_when = scenario::Catalog<scenario::FaultKind>::of().find(fault)->acts_when;
  return acts_when.empty() ? std::string() : ": it acts " + acts_when;
}

}  // namespace

std::string point_named(const std::string& phase) {
  return phase.find(':') == std::string::npos ? phase + ":before" : phase;
}

FaultSet::FaultSet(const asio::any_io_executor& executor, engine::RunContext& run)
    : executor_(executor), run_(run), tasks_(executor) {}

Async<void> FaultSet::inject(Injection injection) {
  std::unique_ptr<Fault> fault = fault_makers().at(injection.fault)(injection.args);
  entries_.push_back(std::make_unique<Entry>(Entry{std::move(injection), std::move(fault), Event(executor_)}));
  Entry& entry = *entries_.back();
  if (entry.injection.when) co_return Result<void>();
  co_return co_await begin(entry);
}

Async<void> FaultSet::begin(Entry& entry) {
  entry.begun = true;
  log_info("fault", "{} begins", entry.injection.fault);
  auto begun = co_await entry.fault->begin(run_);
  if (!begun) {
    Error error = std::move(begun).error().in("fault " + entry.injection.fault);
    entry.refused = error.describe();
    // That the fault could not begin in time is not the guest's failure: where vCPUs stand still none can.
    co_return error.kind() == ErrorKind::kTimeout ? std::move(error).as(ErrorKind::kUnfit) : std::move(error);
  }
  if (entry.injection.duration) tasks_.spawn(heal_later(entry, *entry.injection.duration));
  co_return Result<void>();
}

Awaitable<void> FaultSet::heal_later(Entry& entry, Duration after) {
  static_cast<void>(co_await with_deadline(after, "heal", entry.healed.wait()));
  auto healed = co_await heal_entry(entry);
  if (!healed) log_warning("fault", "{}", healed.error().describe());
}

Async<void> FaultSet::heal_entry(Entry& entry) {
  const bool was_acting = entry.acting();
  entry.healed.set();
  if (!was_acting) co_return Result<void>();
  log_info("fault", "{} is healed", entry.injection.fault);
  auto healed = co_await with_deadline(kHealLimit, entry.injection.fault, entry.fault->heal(run_));
  if (!healed) co_return std::move(healed).error().in("heal " + entry.injection.fault);
  co_return Result<void>();
}

Async<void> FaultSet::heal(std::string as) {
  // By index: faults may be added meanwhile.
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (as == "all" || entries_[i]->injection.as == as) CO_SNAP_TRY(co_await heal_entry(*entries_[i]));
  }
  co_return Result<void>();
}

Async<void> FaultSet::reached(std::string point) {
  const bool door_is_open = point == sandbox::phases::kDoor.after() || point == sandbox::phases::kBootDoor.after();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = *entries_[i];
    if (entry.acting()) {
      if (door_is_open) entry.fault->attach(run_);
      auto goes_on = entry.fault->at_phase(point);
      if (!goes_on) co_return std::move(goes_on).error().in("fault " + entry.injection.fault);
    } else if (entry.waiting() && entry.injection.when && entry.injection.when->point == point &&
               entry.passed++ == entry.injection.when->after) {
      at_point_ = true;
      auto begun = co_await begin(entry);
      at_point_ = false;
      // Nothing is there yet for it to act on: the scenario's mistake, and no failure of the guest's.
      if (!begun && begun.error().kind() == ErrorKind::kUnavailable) {
        co_return std::move(begun).error().as(ErrorKind::kUnfit);
      }
      CO_SNAP_TRY(begun);
    }
  }
  co_return Result<void>();
}

Awaitable<void> FaultSet::end() {
  for (const auto& entry : entries_) {
    auto healed = co_await heal_entry(*entry);
    if (!healed) log_warning("fault", "{}", healed.error().describe());
  }
  co_await tasks_.wait_idle();
}

bool FaultSet::acting() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) { return entry->acting(); });
}

std::optional<std::string> FaultSet::idle() const {
  for (const auto& entry : entries_) {
    if (entry->fault->acts().count() > 0) continue;
    if (entry->refused) return *entry->refused;
    const std::string never = "fault " + entry->injection.fault + " was injected and never acted";
    if (entry->begun || !entry->injection.when) return never + occasion_of(entry->injection.fault);
    const Injection::AtPhase& when = *entry->injection.when;
    return fmt::format("{}: a sequence came to {} {} times before it was healed or the run ended{}", never, when.point,
                       entry->passed,
                       when.point.starts_with("boot.") ? "; only `boot: {fresh: true}` comes there" : "");
  }
  return std::nullopt;
}

std::vector<FaultReport> FaultSet::reports(TimePoint start) const {
  std::vector<FaultReport> reports;
  for (const auto& entry : entries_) {
    FaultReport report{.name = entry->injection.fault, .acted = entry->fault->acts().count(), .first_at_ms = {}};
    if (const auto first = entry->fault->acts().first()) report.first_at_ms = to_ms(*first - start);
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace snaphammer::faults
