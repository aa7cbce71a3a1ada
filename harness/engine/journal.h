// The journal of a campaign: DIR/journal.sqlite, with the plan and the result of each run that has finished. Once
// record() has returned, that result outlives the process and the machine's power; a campaign that was killed goes on
// from its journal, and results.json and all reports can be made from it at any time.
//
//   SNAP_ASSIGN(Journal journal, Journal::create(directory, head, plans));    // or Journal::resume(directory, ...)
//   SNAP_TRY(journal.record(place, result, seconds));
//
//   SNAP_ASSIGN(const JournalContent content, read_journal(directory));       // while it runs, too
//   write(render(content.results()));
//
// A journal exists wholly or not at all. One process at a time writes it; its lock ends with the process. Errors name
// the file and what to do: kInvalid (missing, of something else, of another plan), kCorrupt (damaged), kUnavailable
// (its campaign is running).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/engine/process_lock.h"
#include "harness/engine/sqlite.h"
#include "harness/report/campaign.h"
#include "harness/scenario/plan.h"

namespace snaphammer::engine {

/// What is known of a campaign before its first run.
struct JournalHead {
  std::string campaign;  ///< Its id.
  std::string version;   ///< Of Snaphammer.
  nlohmann::json host;
  std::string started;      ///< RFC 3339, UTC.
  nlohmann::json planning;  ///< How its runs were chosen, for whoever plans them again; the journal only keeps it.
  std::map<std::string, std::string> notes = {};  ///< What people said of it.
};

struct JournalContent {
  JournalHead head;
  std::size_t planned = 0;
  double seconds = 0;  ///< How long the campaign has been running, over all its processes.
  std::map<std::size_t, report::RunResult> finished;  ///< By place in the plan.

  report::CampaignResult results() const;
};

/// Whether a campaign has begun in `directory`.
bool has_journal(const std::filesystem::path& directory);

Result<JournalContent> read_journal(const std::filesystem::path& directory);

class Journal {
 public:
  /// Begins one; `directory` exists and has none.
  static Result<Journal> create(const std::filesystem::path& directory, const JournalHead& head,
                                const std::vector<scenario::RunPlan>& plans);
  /// Continues one. Refused unless `plans` are, in content, those that it was begun with, by the same `version`: the
  /// error names the scenario files that differ.
  static Result<Journal> resume(const std::filesystem::path& directory, std::string_view version,
                                const std::vector<scenario::RunPlan>& plans);

  Journal(Journal&&) = default;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  /// What it held when it was opened.
  const JournalContent& content() const { return content_; }

  /// Keeps the result of the run at `place` of the plan, once and for all. `seconds` as in JournalContent.
  Result<void> record(std::size_t place, const report::RunResult& result, double seconds);
  Result<void> set_seconds(double seconds);

 private:
  Journal(ProcessLock lock, Database database, JournalContent content)
      : lock_(std::move(lock)), database_(std::move(database)), content_(std::move(content)) {}

  ProcessLock lock_;  // The campaign's, not SQLite's, which holds none between two writes.
  Database database_;
  JournalContent content_;
};

}  // namespace snaphammer::engine
