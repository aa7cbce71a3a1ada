#include "harness/cli/display.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "harness/cli/progress.h"
#include "harness/cli/style.h"

namespace snaphammer::cli {
namespace {

std::string kinds_of_findings(const report::RunResult& run) {
  std::map<std::string, std::uint64_t> counts;
  for (const report::Finding& finding : run.findings) counts[finding.id] += finding.count;
  std::string text;
  for (const auto& [id, count] : counts) {
    text += (text.empty() ? "" : ", ") + id + (count > 1 ? " x" + std::to_string(count) : "");
  }
  return text;
}

const char* judgement_of(const report::RunResult& run) {
  if (run.expected) return "as expected";
  if (run.verdict == report::Verdict::kSkipped) return "not run";
  return run.known.empty() ? "UNEXPECTED" : "known";
}

class Lines : public engine::CampaignListener {
 public:
  explicit Lines(const DisplayOptions& options) : options_(options), painter_(options.color), ended_(options.done) {}

  void run_began(unsigned, const scenario::RunPlan&) override {}
  void run_phase(unsigned, std::string_view) override {}
  void run_found(unsigned, std::string_view) override {}
  void run_ended(unsigned, const report::RunResult& result) override {
    ++ended_;
    if (options_.kind == DisplayKind::kQuiet && (result.expected || !result.known.empty())) return;
    options_.out << line_of(result) << std::flush;
  }
  void stopping(bool at_once) override {
    options_.out << (at_once ? "killing the workers\n" : "stopping the workers; once more to kill them\n")
                 << std::flush;
  }
  void second_passed() override {}

 protected:
  // "[ 3/20] fail  as expected  stale-pages.on_remove=ignore.s1  2.1 s  stale-page x28461"
  std::string line_of(const report::RunResult& result) const {
    const std::string total = std::to_string(options_.total);
    const std::string verdict = fmt::format(
        "{:<12} {:<11}", result.is_flaky() ? "flaky" : report::name_of(result.verdict), judgement_of(result));
    std::string line = fmt::format("[{:>{}}/{}] {}  {}  {:.1f} s", ended_, total.size(), total,
                                   painter_.paint(style_of(result), verdict), result.id, result.seconds);
    if (const std::string findings = kinds_of_findings(result); !findings.empty()) line += "  " + findings;
    line += "\n";
    if (!result.known.empty()) return line + "        known: " + result.known + "\n";
    for (const report::Attempt& attempt : result.attempts) {
      line += "        tried before: " + attempt.message + " (" + attempt.artifacts + ")\n";
    }
    if (!result.expected) {
      if (!result.message.empty()) line += "        " + result.message + "\n";
      line += "        again: " + result.reproduce + "\n";
    }
    return line;
  }

  DisplayOptions options_;
  Painter painter_;
  std::size_t ended_;
};

class Live : public Lines {
 public:
  explicit Live(const DisplayOptions& options)
      : Lines(options), progress_({options.total, options.done, options.parallel, options.expected}, now()) {}

  void run_began(unsigned slot, const scenario::RunPlan& plan) override {
    progress_.began(slot, plan, now());
    redraw("");
  }
  void run_phase(unsigned slot, std::string_view phase) override {
    progress_.phase(slot, phase);
    redraw("");
  }
  void run_found(unsigned slot, std::string_view finding) override {
    progress_.found(slot, finding);
    redraw("");
  }
  void run_ended(unsigned slot, const report::RunResult& result) override {
    ++ended_;
    progress_.ended(slot, result);
    redraw(line_of(result));
  }
  void stopping(bool at_once) override {
    redraw(at_once ? "killing the workers\n" : "stopping the workers; Ctrl-C once more to kill them\n");
  }
  void second_passed() override { redraw(""); }

 private:
  static TimePoint now() { return SteadyClock::now(); }

  // Replaces the lines that were drawn last by `text` and the lines as they are now.
  void redraw(const std::string& text) {
    const TerminalSize size = options_.terminal();
    std::string screen;
    // A terminal that has become narrower since has broken what was drawn into more rows. Where the cursor is, there is
    // also what somebody has typed (^C).
    std::size_t rows = 0;
    for (const std::size_t length : drawn_)
      rows += std::max<std::size_t>(1, (length + size.columns - 1) / size.columns);
    if (rows > 0) screen += fmt::format("\r\x1b[{}A\x1b[J", rows);
    screen += text;
    drawn_.clear();
    for (const std::string& line : progress_.lines(size, now())) {
      screen += painter_.paint(Style::kFaint, line) + "\n";
      drawn_.push_back(line.size());
    }
    options_.out << screen << std::flush;
  }

  Progress progress_;
  std::vector<std::size_t> drawn_;  // The lengths of the lines.
};

}  // namespace

std::unique_ptr<engine::CampaignListener> make_display(const DisplayOptions& options) {
  if (options.kind == DisplayKind::kLive) return std::make_unique<Live>(options);
  return std::make_unique<Lines>(options);
}

}  // namespace snaphammer::cli
