#include "harness/cli/campaign_command.h"

#include <algorithm>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "harness/cli/display.h"
#include "harness/cli/github.h"
#include "harness/cli/leftover_lines.h"
#include "harness/doctor/host_facts.h"
#include "harness/engine/host_memory.h"
#include "harness/engine/journal.h"
#include "harness/engine/runtime_directory.h"
#include "harness/report/reporter.h"
#include "harness/report/summary_table.h"
#include "lib/base/shell_word.h"
#include "lib/vmm/accel_probe.h"

namespace snaphammer::cli {
namespace {

namespace fs = std::filesystem;
using Reporters = std::vector<std::unique_ptr<report::Reporter>>;

// Tells the display and the reporters.
class Audience : public engine::CampaignListener {
 public:
  Audience(engine::CampaignListener& display, Reporters& reporters) : display_(display), reporters_(reporters) {}

  void run_began(unsigned slot, const scenario::RunPlan& plan) override { display_.run_began(slot, plan); }
  void run_phase(unsigned slot, std::string_view phase) override { display_.run_phase(slot, phase); }
  void run_found(unsigned slot, std::string_view finding) override { display_.run_found(slot, finding); }
  void run_ended(unsigned slot, const report::RunResult& result) override {
    display_.run_ended(slot, result);
    for (const auto& reporter : reporters_) reporter->run_ended(result);
  }
  void stopping(bool at_once) override { display_.stopping(at_once); }
  void second_passed() override { display_.second_passed(); }

 private:
  engine::CampaignListener& display_;
  Reporters& reporters_;
};

// A guest has two vCPUs, most often.
unsigned runs_at_a_time(unsigned wanted) {
  return wanted > 0 ? wanted : std::max(1u, std::thread::hardware_concurrency() / 2);
}

bool uses_default_image(const std::vector<scenario::RunPlan>& plans) {
  return std::ranges::any_of(plans, [](const scenario::RunPlan& plan) {
    return !std::holds_alternative<scenario::KernelImage>(plan.scenario->vm.image);
  });
}

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void print_summary(std::ostream& out, std::size_t width, const engine::CampaignSettings& settings,
                   const engine::CampaignEnd& end) {
  out << "\n" << report::summary_table(end.results.runs, width) << "\n" << report::summary_line(end.results) << "\n";
  if (end.interrupted) out << "interrupted: the results are of what had finished\n";
  if (end.results.unfinished > 0) {
    out << "to go on: snaphammer run --resume " << shell_word(settings.directory.string()) << "\n";
  }
  out << "results: " << settings.directory.string() << "\n" << std::flush;
}

// Where the campaign is, and what it has done there already.
struct Place {
  std::string id;
  fs::path directory;
  std::map<std::size_t, report::RunResult> finished;
};

Result<Place> place_of(const CampaignOptions& options) {
  if (!options.resume.empty()) {
    SNAP_ASSIGN(engine::JournalContent content, engine::read_journal(options.resume));
    return Place{content.head.campaign, options.resume, std::move(content.finished)};
  }
  const std::string id = engine::new_campaign_id();
  return Place{id, options.out.empty() ? fs::path("snaphammer-out") / id : options.out, {}};
}

Result<std::map<std::string, std::string>> notes_from(const std::vector<std::string>& given) {
  std::map<std::string, std::string> notes;
  for (const std::string& note : given) {
    const std::size_t equals = note.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error(ErrorKind::kInvalid, fmt::format("--note: '{}' has no key", note)).advise("write it as KEY=TEXT");
    }
    notes[note.substr(0, equals)] = note.substr(equals + 1);
  }
  return notes;
}

// Said beforehand, for whoever wonders later why fewer are under way.
std::string memory_bound(const std::vector<scenario::RunPlan>& plans, const engine::CampaignSettings& settings) {
  if (!settings.memory || settings.parallel == 1) return {};
  ByteCount largest = 0;
  for (const scenario::RunPlan& plan : plans) largest = std::max(largest, scenario::expected_memory(plan));
  if (largest <= *settings.memory / settings.parallel) return {};
  return fmt::format(" as far as {} MiB of memory hold them", *settings.memory >> 20);
}

Duration time_to_do(const std::vector<scenario::RunPlan>& plans, const Place& place) {
  Duration all{};
  for (std::size_t i = 0; i < plans.size(); ++i)
    all += place.finished.contains(i) ? Duration() : expected_time(plans[i]);
  return all;
}

Result<engine::CampaignSettings> prepare_at(const Place& place, Session& session, const CampaignOptions& options,
                                            const std::vector<scenario::RunPlan>& plans) {
  SNAP_ASSIGN(auto notes, notes_from(options.notes));
  SNAP_ASSIGN(const engine::Installation installation, engine::Installation::of_this_process());
  SNAP_ASSIGN(const fs::path base, engine::runtime_base(session.environment));
  SNAP_TRY(remove_leftovers(base, session.err));
  engine::CampaignSettings settings{.id = place.id,
                                    .version = SNAPHAMMER_VERSION,
                                    .directory = fs::absolute(place.directory).lexically_normal(),
                                    .resume = !options.resume.empty(),
                                    .planning = options.planning,
                                    .notes = std::move(notes),
                                    .runtime_base = base,
                                    .caches = engine::Caches::of(session.environment),
                                    .installation = installation,
                                    .parallel = runs_at_a_time(options.parallel),
                                    .memory = engine::available_memory(),
                                    .fail_fast = options.fail_fast,
                                    .retries = options.retries,
                                    .known = options.known,
                                    .worker = {.command = {installation.program.string()}}};
  const doctor::Host host = session.parts.look_at_host(installation, settings.caches, base, settings.directory);
  SNAP_TRY(doctor::check_before_campaign(host, uses_default_image(plans)));
  settings.host = doctor::facts_of(host);
  if (const auto automatic = host.probe_accel()) {
    settings.worker.environment.emplace(vmm::kAutoAccelVariable, vmm::to_text(*automatic));
  }
  return settings;
}

}  // namespace

void CampaignOptions::declare(CLI::App& app) {
  std::string formats;
  for (const report::ReportFormat& format : report::report_formats()) {
    formats += (formats.empty() ? "" : "|") + std::string(format.name);
  }
  declare_runs(app);
  app.add_option("--report", reports,
                 "Further reports: " + formats + "=FILE, with commas between; - is standard output");
  app.add_option("--note", notes,
                 "Something that results.json is to say of the campaign, for instance commit=1a2b3c; may be repeated")
      ->type_name("KEY=TEXT")
      ->expected(1)
      ->take_all();
  app.add_flag("--quiet", quiet, "Show only runs that were not as expected");
  app.add_flag("--no-color", no_color, "No colours and no live lines on a terminal (NO_COLOR: no colours)");
}

void CampaignOptions::declare_runs(CLI::App& app) {
  app.add_option(
         "-j,--jobs", parallel,
         "Runs at a time, as far as the host's memory holds their guests (default: half as many as there are CPUs)")
      ->check(CLI::Range(1u, 1024u));
  app.add_option("--out", out, "Directory for results and artifacts (default: snaphammer-out/ID)")->type_name("DIR");
}

Result<engine::CampaignSettings> prepare(Session& session, const CampaignOptions& options,
                                         const std::vector<scenario::RunPlan>& plans) {
  SNAP_ASSIGN(const Place place, place_of(options));
  SNAP_TRY(engine::expect_no_results(place.directory));
  return prepare_at(place, session, options, plans);
}

std::ostream& human_output(Session& session, const CampaignOptions& options) {
  const bool machine = (options.reports + ",").find("=-,") != std::string::npos;
  return machine ? session.err : session.out;
}

Result<engine::CampaignEnd> conduct(Session& session, const CampaignOptions& options,
                                    std::vector<scenario::RunPlan> plans) {
  SNAP_ASSIGN(const Place place, place_of(options));
  SNAP_ASSIGN(Reporters reporters, report::make_reporters(options.reports, place.directory));
  SNAP_ASSIGN(const engine::CampaignSettings settings, prepare_at(place, session, options, plans));

  std::ostream& out = human_output(session, options);
  const bool live = &out == &session.out && session.out_is_terminal && !options.no_color;
  const auto display =
      make_display({.out = out,
                    .kind = options.quiet ? DisplayKind::kQuiet : (live ? DisplayKind::kLive : DisplayKind::kLines),
                    .color = live && session.wants_color(),
                    .total = plans.size(),
                    .done = place.finished.size(),
                    .parallel = settings.parallel,
                    .expected = time_to_do(plans, place)});
  if (!options.quiet) {
    const std::string done =
        place.finished.empty() ? "" : fmt::format(" ({} of them done before)", place.finished.size());
    out << fmt::format("campaign {}: {}{}, {} at a time{}\n", place.id, plural(plans.size(), "run"), done,
                       settings.parallel, memory_bound(plans, settings))
        << std::flush;
  }
  Audience audience(*display, reporters);
  for (const auto& reporter : reporters) {
    reporter->campaign_began(plans.size());
    for (const auto& [number, result] : place.finished) reporter->run_ended(result);
  }
  SNAP_ASSIGN(engine::CampaignEnd end, engine::run_campaign(std::move(plans), settings, audience));
  if (!options.quiet) print_summary(out, session.width, settings, end);
  for (const auto& reporter : reporters) {
    const Result<void> written = reporter->campaign_ended(end.results);
    if (!written) end.own_errors.push_back(written.error().describe());
  }
  if (const Result<void> told = tell_github(session.environment, end.results, out); !told) {
    end.own_errors.push_back(told.error().describe());
  }
  for (const std::string& line : end.outdated) session.err << line << "\n";
  for (const std::string& error : end.own_errors) session.err << "snaphammer: " << error << "\n";
  return end;
}

}  // namespace snaphammer::cli
