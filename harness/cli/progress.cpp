#include "harness/cli/progress.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace snaphammer::cli {
namespace {

using namespace std::chrono_literals;

// Of a name, even where there is hardly room.
constexpr std::size_t kShortestName = 12;

std::string cut(std::string text, std::size_t width) {
  if (text.size() > width) text.resize(width);
  return text;
}

std::string shortened(const std::string& name, std::size_t width) {
  return name.size() <= width ? name : name.substr(0, width - 1) + "~";
}

}  // namespace

std::string rough_time(Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < 100) return fmt::format("{} s", seconds);
  const auto minutes = (seconds + 30) / 60;
  if (minutes < 100) return fmt::format("{} min", minutes);
  return fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

void Progress::began(unsigned slot, const scenario::RunPlan& plan, TimePoint now) {
  workers_[slot] = {plan.id, "starting", "", now, expected_time(plan)};
  begun_expected_ += workers_[slot].expected;
}

void Progress::phase(unsigned slot, std::string_view phase) { workers_[slot].phase = phase; }

void Progress::found(unsigned slot, std::string_view finding) {
  std::string& findings = workers_[slot].findings;
  findings += (findings.empty() ? "" : ", ") + std::string(finding);
}

void Progress::ended(unsigned slot, const report::RunResult& result) {
  ++ended_;
  unexpected_ += result.is_surprise() ? 1 : 0;
  ended_expected_ += workers_[slot].expected;
  ended_took_ += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(result.seconds));
  workers_.erase(slot);
}

Duration Progress::left(TimePoint now) const {
  const double slowness = ended_expected_ > 0s
                              ? static_cast<double>(ended_took_.count()) / static_cast<double>(ended_expected_.count())
                              : 1;
  const auto really = [&](Duration expected) {
    return Duration(std::llround(static_cast<double>(expected.count()) * slowness));
  };
  Duration all = really(std::max<Duration>(options_.expected - begun_expected_, 0s));
  Duration longest{};
  for (const auto& [slot, worker] : workers_) {
    const Duration rest = std::max<Duration>(really(worker.expected) - (now - worker.began), 0s);
    all += rest;
    longest = std::max(longest, rest);
  }
  return std::max<Duration>(all / options_.parallel, longest);
}

std::string Progress::line_of(const Worker& worker, std::size_t width, TimePoint now) const {
  std::string rest = fmt::format("  {}  {}", worker.phase, rough_time(now - worker.began));
  if (!worker.findings.empty()) rest += "  " + worker.findings;
  const std::size_t room = width > rest.size() ? width - rest.size() : 0;
  return cut(shortened(worker.run, std::max(room, kShortestName)) + rest, width);
}

std::string Progress::total_line(TimePoint now) const {
  std::string line = fmt::format("{} of {} done", options_.done + ended_, options_.total);
  if (unexpected_ > 0) line += fmt::format(", {} not as expected", unexpected_);
  line += fmt::format("; {} gone", rough_time(now - began_));
  // Of runs that take longer than they were expected to, nothing is known.
  const Duration rest = left(now);
  return rest < 1s ? line : line + fmt::format(", about {} left", rough_time(rest));
}

std::vector<std::string> Progress::lines(TerminalSize size, TimePoint now) const {
  const std::size_t width = std::max<std::size_t>(size.columns, 2) - 1;
  // Beside the workers: the total, what is counted only, and the line that the cursor is in.
  const std::size_t shown = std::max<std::size_t>(size.rows, 4) - 3;
  std::vector<std::string> lines;
  for (const auto& [slot, worker] : workers_) {
    if (lines.size() == shown) {
      lines.push_back(cut(fmt::format("and {} more", workers_.size() - shown), width));
      break;
    }
    lines.push_back(line_of(worker, width, now));
  }
  lines.push_back(cut(total_line(now), width));
  return lines;
}

}  // namespace snaphammer::cli
