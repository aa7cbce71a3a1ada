#include "harness/scenario/course.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "harness/scenario/scenario.h"

namespace snaphammer::scenario {
namespace {

const std::set<Guest> kAnyGuest = {Guest::kNone, Guest::kRunning, Guest::kPaused};

/// Rounds of a loop after which what may be the case does not change any more.
constexpr int kRoundsFollowed = 8;
/// In deeper loops nothing is certain after the first round: following each round of each would take for ever.
constexpr int kLoopsFollowed = 3;
/// Beyond it nobody counts.
constexpr std::uint64_t kMostClones = 1'000'000;

std::string describe(const std::set<Guest>& guest) {
  std::vector<std::string> states;
  for (const Guest state : guest) {
    states.emplace_back(state == Guest::kNone     ? "there is no guest"
                        : state == Guest::kPaused ? "the guest is paused"
                                                  : "the guest runs");
  }
  return fmt::format("{}", fmt::join(states, ", or "));
}

std::string advice_for(const std::set<Guest>& guest, bool had_one) {
  if (guest.contains(Guest::kNone)) return had_one ? "`boot` or `restore` before it" : "begin with `- boot: {}`";
  return guest.contains(Guest::kPaused) ? "`resume` it first" : "`pause` or `freeze` it first, or leave this step out";
}

std::set<std::string> both(const std::set<std::string>& one, const std::set<std::string>& other) {
  std::set<std::string> common;
  std::set_intersection(one.begin(), one.end(), other.begin(), other.end(), std::inserter(common, common.end()));
  return common;
}

}  // namespace

std::string Course::present_step() const { return fmt::format("`{}` (line {})", step_->name(), step_->where.line); }

void Course::fail(const std::string& why, std::string advice) {
  if (!certain_) return;
  reader_.fail(step_->where, fmt::format("{} cannot work {}here: {}", step_->name(), round_, why), std::move(advice));
}

void Course::follow(const StepList& steps) {
  for (const auto& step : steps) follow(*step);
}

void Course::follow(const Step& step) {
  const bool goes_on = step.control.on_error == OnError::kContinue;
  const Step* const outer = std::exchange(step_, &step);
  const bool was_certain = std::exchange(certain_, certain_ && !goes_on);
  const Moment before = now_;
  kinds_.emplace(step.name());
  step.follow(*this);
  if (goes_on) {  // Wherever it failed.
    now_ = joined(std::move(now_), before);
    now_.guest = kAnyGuest;
    now_.restoring = true;
  }
  certain_ = was_certain;
  step_ = outer;
}

void Course::end() {
  if (may_fail_) return;
  check_limits_measured();
  if (awaited_) {
    reader_.fail(awaited_->where, fmt::format("no later step comes to {}", awaited_->point),
                 "put this before the step whose sequence is to stop there: a `restore`, or a `snapshot`");
  }
  for (const auto& [number, where] : clones_needed_) {
    if (!clones_ || number <= *clones_) continue;
    reader_.fail(where, fmt::format("no step makes clone-{}", number),
                 *clones_ == 0 ? "add `- clone: {from: SNAPSHOT}`" : fmt::format("there are {} at most", *clones_));
  }
}

void Course::needs(std::initializer_list<Guest> any_of) {
  const bool can_be = std::any_of(any_of.begin(), any_of.end(), [this](Guest g) { return now_.guest.contains(g); });
  if (can_be) {
    // Where the step succeeds it was one of these.
    std::erase_if(now_.guest, [&](Guest g) { return std::find(any_of.begin(), any_of.end(), g) == any_of.end(); });
    return;
  }
  const std::string since = now_.because.empty() ? "" : " since " + now_.because;
  fail(describe(now_.guest) + since, advice_for(now_.guest, !now_.because.empty()));
  lose_track();  // What follows from it is not said again.
}

void Course::needs_healthy() {
  needs({Guest::kRunning});
  is_healthy();
}

void Course::becomes(Guest guest) {
  now_.guest = {guest};
  if (guest == Guest::kRunning && now_.may_stop) now_.guest.insert(Guest::kPaused);
  now_.because = present_step();
}

void Course::goes_on() {
  if (now_.guest.erase(Guest::kPaused) == 0) return;
  now_.guest.insert(Guest::kRunning);
  now_.because = present_step();
}

void Course::begins_anew(Guest guest) {
  becomes(guest);
  now_.workloads = {};
  now_.restoring = false;
}

void Course::starts(const std::string& as, const std::string& program) {
  if (now_.workloads.sure.contains(as)) {
    fail(fmt::format("a workload '{}' runs in the guest already", as), "give it another name with `as`");
  }
  programs_[as].insert(program);
  now_.workloads.sure.insert(as);
  now_.workloads.possible.insert(as);
}

void Course::stops(const std::string& as) {
  needs_workload(as);
  now_.workloads.sure.erase(as);
  now_.workloads.possible.erase(as);
}

void Course::stops_all() { now_.workloads = {}; }

void Course::needs_workload(const std::string& as) {
  if (now_.workloads.any || now_.workloads.possible.contains(as)) return;
  fail(fmt::format("there is no workload '{}' in this guest", as),
       "it was stopped, ended with its guest, or was started after the snapshot that was restored");
  now_.workloads.possible.insert(as);
}

// Of a guest that runs it waits until that is healthy.
void Course::takes(const std::string& snapshot) {
  comes_through("pause");
  if (!now_.guest.contains(Guest::kPaused)) is_healthy();
  now_.snapshots[snapshot] = now_.workloads;
}

void Course::brings_back(const std::string& snapshot, Guest guest) {
  comes_through("restore");
  const auto taken = now_.snapshots.find(snapshot);
  begins_anew(guest);
  now_.workloads = taken == now_.snapshots.end() ? Workloads{.sure = {}, .possible = {}, .any = true} : taken->second;
  now_.restoring = true;
}

void Course::needs_any_snapshot() {
  if (now_.snapshots.empty()) fail("there is no snapshot yet", "take a full one first");
}

void Course::needs_snapshot(const std::string& snapshot) {
  if (!now_.snapshots.contains(snapshot)) {
    fail(fmt::format("there is no snapshot '{}' yet", snapshot), "the step that takes it comes later");
  }
}

// `restore` ends just after the first point at which vCPUs run.
void Course::awaits(const std::string& point, Position where) {
  now_.may_stop = true;
  const bool under_way = now_.restoring && point.starts_with("restore.") && point != "restore.ready:before";
  if (under_way) now_.guest.insert(Guest::kPaused);
  if (under_way || side_by_side_) return;
  if (awaited_) fail("the freeze before it waits for " + awaited_->point, "freeze at one point at a time");
  awaited_ = Awaited{point, where};
}

void Course::comes_through(std::string_view sequence) {
  if (awaited_ && awaited_->point.starts_with(sequence)) awaited_.reset();
}

void Course::check_limits_measured() {
  for (const auto& [name, limit] : scenario_.limits.by_measure) {
    const MeasureKind* const measure = Catalog<MeasureKind>::of().find(name);
    if (measure == nullptr) continue;  // An error already.
    const auto is_there = [this](const std::string& kind) { return kinds_.contains(kind); };
    if (std::any_of(measure->steps.begin(), measure->steps.end(), is_there)) continue;
    reader_.fail(limit.where,
                 fmt::format("no step of the scenario measures '{}': it takes {}", name, measure->taken_by),
                 "add such steps, or leave this limit out");
  }
}

void Course::needs_symbol(const std::string& symbol, const std::string& in, Position where) {
  if (!reader_.options().symbols || !std::holds_alternative<DefaultImage>(scenario_.vm.image)) return;
  // One name may stand for several programs, one after the other.
  const auto started = programs_.find(in);
  Result<void> known;
  for (const std::string& program : started == programs_.end() ? std::set{in} : started->second) {
    known = reader_.options().symbols->expect(program, symbol);
    if (known) return;
  }
  reader_.fail(where, known.error().message(), known.error().advice());
}

void Course::needs_memory_above(ByteCount bytes) {
  const ByteCount memory = scenario_.vm.memory;
  if (memory > bytes) return;
  fail("the guest has no more than " + format_bytes(memory), "take less, or give it more with `vm.memory`");
}

void Course::needs_time(Duration time) {
  // Who expects a failure may wait for one, which ends the step.
  const auto may_break = [](const Expectation& entry) { return entry.verdict != Verdict::kPass; };
  if (std::any_of(scenario_.expect.begin(), scenario_.expect.end(), may_break)) return;
  const Duration limit = std::min(step_->control.timeout.value_or(scenario_.timeout), scenario_.timeout);
  if (time < limit) return;
  fail(fmt::format("it lasts {}, and is ended after {}", format_duration(time), format_duration(limit)),
       "shorten it, or raise `timeout`");
}

void Course::makes_clones(unsigned count) {
  if (clones_) *clones_ += count;
}

void Course::needs_clone(unsigned number) { clones_needed_.emplace(number, step_->where); }

void Course::repeats(const StepList& steps, std::optional<unsigned> times) {
  const std::optional<std::uint64_t> clones_before = clones_;
  const std::size_t errors = reader_.diagnostics().size();
  const bool was_certain = certain_;
  ++loops_;
  follow(steps);
  const bool failed = reader_.diagnostics().size() != errors;
  if (clones_ && *clones_ > *clones_before) {
    const std::uint64_t a_round = *clones_ - *clones_before;
    clones_.reset();
    if (times && *clones_before < kMostClones) clones_ = *clones_before + a_round * *times;
  }
  const std::optional<std::uint64_t> clones_after = clones_;
  if (times != 1u) {
    if (loops_ <= kLoopsFollowed && times && !failed) {
      const std::string outer = std::exchange(round_, "in the second round ");
      follow(steps);
      round_ = outer;
    }
    // Whatever comes in later rounds: they end where all of them could.
    certain_ = false;
    Moment after = now_;
    for (int round = 0; round < kRoundsFollowed && loops_ <= kLoopsFollowed; ++round) {
      follow(steps);
      now_ = joined(std::move(now_), after);
      if (now_ == after) break;
      after = now_;
    }
    if (loops_ > kLoopsFollowed) lose_track();
  }
  clones_ = clones_after;
  certain_ = was_certain;
  --loops_;
}

void Course::runs_together(const std::vector<StepList>& branches) {
  const bool was_certain = std::exchange(certain_, false);
  const bool was_side_by_side = std::exchange(side_by_side_, true);
  for (const StepList& branch : branches) {
    lose_track();
    follow(branch);
  }
  lose_track();
  certain_ = was_certain;
  side_by_side_ = was_side_by_side;
}

void Course::lose_track() {
  now_.guest = kAnyGuest;
  now_.because.clear();
  now_.workloads = {.sure = {}, .possible = {}, .any = true};
  now_.restoring = true;
  for (auto& [name, workloads] : now_.snapshots) workloads = {.sure = {}, .possible = {}, .any = true};
}

Course::Moment Course::joined(Moment one, const Moment& other) {
  const auto join = [](Workloads& into, const Workloads& from) {
    into.sure = both(into.sure, from.sure);
    into.possible.insert(from.possible.begin(), from.possible.end());
    into.any |= from.any;
  };
  one.guest.insert(other.guest.begin(), other.guest.end());
  if (one.because != other.because) one.because.clear();
  join(one.workloads, other.workloads);
  one.restoring |= other.restoring;
  one.may_stop |= other.may_stop;
  for (const auto& [name, workloads] : other.snapshots) {
    const auto [known, is_new] = one.snapshots.emplace(name, workloads);
    if (!is_new) join(known->second, workloads);
  }
  return one;
}

std::optional<std::uint64_t> most_clones(const Scenario& scenario) {
  Reader reader({}, {}, {});  // Whether the steps can work has been judged.
  Course course(reader, scenario, true);
  course.follow(scenario.steps);
  return course.most_clones();
}

void check_course(Reader& reader, const Scenario& scenario) {
  const auto is_cut_short = [](const Expectation& entry) {
    return entry.verdict == Verdict::kError || entry.verdict == Verdict::kInconclusive;
  };
  const bool may_fail = std::any_of(scenario.expect.begin(), scenario.expect.end(), is_cut_short);
  Course course(reader, scenario, may_fail);
  course.follow(scenario.steps);
  course.end();
}

}  // namespace snaphammer::scenario
