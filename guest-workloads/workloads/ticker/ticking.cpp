#include "guest-workloads/workloads/ticker/ticking.h"

namespace snaphammer::ticker {
namespace {

using namespace std::chrono_literals;
using workload::JsonObject;

constexpr auto kLookEvery = 100ms;
constexpr auto kBeatEvery = 1s;

}  // namespace

Ticking::Ticking(const Options& options, int commands)
    : options_(options),
      safe_point_(Timers::kKinds),
      commands_(commands, output_,
                {.quiesce = [this] { safe_point_.close(); }, .resume = [this] { safe_point_.open(); }}),
      clocks_(options.hardware_clock, options.identity),
      watch_({.skew = options.skew, .grace = options.grace}, [this](const ClockFinding& found) { report(found); }),
      lateness_({.late = options.late, .grace = options.grace}, [this](const ClockFinding& found) { report(found); }),
      timers_(options.period, safe_point_, lateness_) {}

Ticking::~Ticking() {
  safe_point_.end();
  timers_.join();
}

void Ticking::run() {
  look();
  timers_.start();
  output_.write(JsonObject("ready").line());
  output_.flush();
  do {
    look();
    answer_checks();
    beat_when_due();
    // A check that cannot be answered yet needs the next reading, not the next command.
  } while (commands_.checks_waiting() != 0
               ? commands_.serve(kLookEvery)
               : commands_.serve_until_check(workload::Commands::Clock::now() + kLookEvery));
}

void Ticking::look() {
  watch_.take(clocks_.read());
  if (!commands_.quiesced()) timers_.look_for_missing(options_.late);
  lateness_.judge(monotonic_now(), watch_.last_restore());
}

void Ticking::answer_checks() {
  if (commands_.checks_waiting() != 0 && !ticks_at_check_) {
    ticks_at_check_.emplace();
    for (std::size_t kind = 0; kind < Timers::kKinds; ++kind) (*ticks_at_check_)[kind] = timers_.ticks(kind);
  }
  if (undecided() || (!commands_.quiesced() && !have_ticked())) return;
  ticks_at_check_.reset();
  for (; commands_.checks_waiting() != 0; commands_.check_answered()) {
    output_.write(workload::verdict_line(findings_ == 0, counters()));
    output_.flush();
  }
}

bool Ticking::have_ticked() const {
  for (std::size_t kind = 0; ticks_at_check_ && kind < Timers::kKinds; ++kind) {
    if (timers_.ticks(kind) == (*ticks_at_check_)[kind] && !timers_.is_missing(kind)) return false;
  }
  return true;
}

void Ticking::report(const ClockFinding& finding) {
  ++findings_;
  output_.write(workload::finding_line("clock-skew", finding.message, finding.evidence));
  output_.flush();
}

void Ticking::beat_when_due() {
  if (monotonic_now() - last_beat_ < kBeatEvery) return;
  last_beat_ = monotonic_now();
  output_.write(JsonObject("beat").add_all(counters()).line());
  output_.flush();
}

JsonObject Ticking::counters() const {
  const auto ms = [](Nanoseconds time) { return std::chrono::duration_cast<std::chrono::milliseconds>(time).count(); };
  const ClockWatch::Seen& clocks = watch_.seen();
  const Lateness::Seen ticks = lateness_.seen();
  JsonObject json;
  json.add("readings", clocks.readings)
      .add("compared", clocks.compared)
      .add("restores", clocks.restores)
      .add("jumps", clocks.jumps)
      .add("last_jump_ms", ms(clocks.last_jump))
      .add("off_ms", ms(clocks.off))
      .add("ticks", ticks.ticks)
      .add("excused", ticks.excused)
      .add("worst_late_ms", ms(ticks.worst));
  for (std::size_t kind = 0; kind < Timers::kKinds; ++kind) json.add(Timers::name(kind), timers_.ticks(kind));
  return json.add("skews", findings_);
}

}  // namespace snaphammer::ticker
