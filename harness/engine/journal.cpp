#include "harness/engine/journal.h"

#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include "lib/base/unique_fd.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kName = "journal.sqlite";
// SQLite keeps both numbers in a file's header, for its application.
constexpr std::int64_t kApplication = 0x536e6170;  // "Snap"
constexpr std::int64_t kFormat = 2;

constexpr const char* kTables = R"(
  CREATE TABLE campaign (
    id TEXT NOT NULL, version TEXT NOT NULL, host TEXT NOT NULL, started TEXT NOT NULL,
    planning TEXT NOT NULL, seconds REAL NOT NULL);
  CREATE TABLE note (key TEXT PRIMARY KEY, text TEXT NOT NULL);
  CREATE TABLE plan (
    place INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, scenario TEXT NOT NULL, file TEXT NOT NULL,
    file_digest TEXT NOT NULL, digest TEXT NOT NULL);
  CREATE TABLE result (
    place INTEGER PRIMARY KEY REFERENCES plan (place), result TEXT NOT NULL);
)";

std::string digest_of(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

// Of all that decides what a run does. Where its file lies does not.
std::string digest_of(const scenario::RunPlan& plan) {
  json stored = scenario::to_json(plan);
  stored.erase("file");
  return digest_of(stored.dump(-1, ' ', false, json::error_handler_t::replace));
}

Result<ProcessLock> lock(const fs::path& directory) {
  Result<ProcessLock> lock = ProcessLock::take(directory / "journal.lock");
  if (lock || lock.error().kind() != ErrorKind::kUnavailable) return lock;
  return std::move(lock)
      .error()
      .in(directory.string() + ": its campaign is running")
      .advise("wait for it to end, or stop it");
}

Result<void> sync_directory(const fs::path& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_error("sync " + directory.string());
  return {};
}

Error damaged(const fs::path& file, const std::string& what) {
  return Error(ErrorKind::kCorrupt, file.string() + ": " + what)
      .advise("begin a new campaign with `snaphammer run`; results.json beside it has what had finished");
}

Error with_advice(Error error, const fs::path& file) {
  if (error.kind() != ErrorKind::kCorrupt) return error;
  return damaged(file, "not a journal, or damaged (" + error.message().substr(file.native().size() + 2) + ")");
}

Result<void> check_is_journal(const Database& database, const fs::path& file) {
  SNAP_ASSIGN(const std::int64_t application, database.number("PRAGMA application_id"));
  SNAP_ASSIGN(const std::int64_t format, database.number("PRAGMA user_version"));
  if (application != kApplication) {
    return Error(ErrorKind::kInvalid, file.string() + ": a database of something else, not a campaign's journal")
        .advise("name the directory that `snaphammer run` called results");
  }
  if (format != kFormat) {
    return Error(ErrorKind::kInvalid,
                 fmt::format("{}: a journal of format {}; this build knows {}", file.string(), format, kFormat))
        .advise("use the snaphammer that began the campaign");
  }
  SNAP_ASSIGN(const std::string check, database.text("PRAGMA quick_check(1)"));
  if (check != "ok") return damaged(file, check);
  return {};
}

Result<Database> open(const fs::path& directory) {
  const fs::path file = directory / kName;
  if (!has_journal(directory)) {
    return Error(ErrorKind::kInvalid, file.string() + ": no such file")
        .advise(
            "name the directory that `snaphammer run` called results; a campaign that died before it had a "
            "journal has run nothing: begin it again with `snaphammer run`");
  }
  Result<Database> database = Database::open(file, Database::Access::kWrite);
  if (!database) return with_advice(database.error(), file);
  if (const Result<void> known = check_is_journal(*database, file); !known) return with_advice(known.error(), file);
  return database;
}

Result<json> parse(const std::string& text, const fs::path& file) {
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return damaged(file, "what it says of the campaign is not JSON");
  return value;
}

Result<std::map<std::string, std::string>> read_notes(const Database& database) {
  std::map<std::string, std::string> notes;
  SNAP_ASSIGN(Statement rows, database.prepare("SELECT key, text FROM note"));
  while (true) {
    SNAP_ASSIGN(const bool row, rows.next());
    if (!row) return notes;
    notes.emplace(rows.text(0), rows.text(1));
  }
}

Result<JournalContent> read(const Database& database, const fs::path& file) {
  JournalContent content;
  SNAP_ASSIGN(Statement campaign,
              database.prepare("SELECT id, version, host, started, planning, seconds FROM campaign"));
  SNAP_ASSIGN(const bool has_campaign, campaign.next());
  if (!has_campaign) return damaged(file, "no campaign is in it");
  content.head = {campaign.text(0), campaign.text(1), {}, campaign.text(3), {}};
  SNAP_ASSIGN(content.head.host, parse(campaign.text(2), file));
  SNAP_ASSIGN(content.head.planning, parse(campaign.text(4), file));
  content.seconds = campaign.real(5);
  SNAP_ASSIGN(content.head.notes, read_notes(database));
  SNAP_ASSIGN(const std::int64_t planned, database.number("SELECT count(*) FROM plan"));
  content.planned = static_cast<std::size_t>(planned);

  SNAP_ASSIGN(Statement results, database.prepare("SELECT place, result FROM result ORDER BY place"));
  while (true) {
    SNAP_ASSIGN(const bool row, results.next());
    if (!row) return content;
    const auto stored = nlohmann::ordered_json::parse(results.text(1), nullptr, /*allow_exceptions=*/false);
    if (stored.is_discarded()) return damaged(file, fmt::format("result {} is not JSON", results.integer(0)));
    Result<report::RunResult> result = report::run_result_from_json(stored);
    if (!result) return damaged(file, fmt::format("result {}: {}", results.integer(0), result.error().message()));
    content.finished.emplace(static_cast<std::size_t>(results.integer(0)), *std::move(result));
  }
}

Result<void> fill(const Database& database, const JournalHead& head, const std::vector<scenario::RunPlan>& plans) {
  SNAP_TRY(database.execute("BEGIN"));
  SNAP_TRY(database.execute(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; {}", kApplication, kFormat, kTables)));
  SNAP_ASSIGN(Statement campaign, database.prepare("INSERT INTO campaign VALUES (?, ?, ?, ?, ?, 0)"));
  SNAP_TRY(campaign.bind(1, head.campaign)
               .bind(2, head.version)
               .bind(3, head.host.dump())
               .bind(4, head.started)
               .bind(5, head.planning.dump(-1, ' ', false, json::error_handler_t::replace))
               .run());
  SNAP_ASSIGN(Statement note, database.prepare("INSERT INTO note VALUES (?, ?)"));
  for (const auto& [key, text] : head.notes) SNAP_TRY(note.bind(1, key).bind(2, text).run());
  SNAP_ASSIGN(Statement insert, database.prepare("INSERT INTO plan VALUES (?, ?, ?, ?, ?, ?)"));
  std::int64_t place = 0;
  for (const scenario::RunPlan& plan : plans) {
    SNAP_TRY(insert.bind(1, place++)
                 .bind(2, plan.id)
                 .bind(3, plan.scenario->name)
                 .bind(4, plan.source->file)
                 .bind(5, digest_of(plan.source->text))
                 .bind(6, digest_of(plan))
                 .run());
  }
  return database.execute("COMMIT");
}

// What the plan of a resumed campaign differs in, one reason for each scenario.
Result<std::set<std::string>> differences(const Database& database, const std::vector<scenario::RunPlan>& plans) {
  std::set<std::string> found;
  SNAP_ASSIGN(Statement rows,
              database.prepare("SELECT run, scenario, file, file_digest, digest FROM plan ORDER BY place"));
  std::map<std::string, const scenario::RunPlan*> by_id;
  std::map<std::string, const scenario::RunPlan*> by_scenario;
  for (const scenario::RunPlan& plan : plans) {
    by_id.emplace(plan.id, &plan);
    by_scenario.emplace(plan.scenario->name, &plan);
  }
  std::size_t place = 0;
  for (;; ++place) {
    SNAP_ASSIGN(const bool row, rows.next());
    if (!row) break;
    const std::string id = rows.text(0);
    const std::string scenario = rows.text(1);
    const auto same_scenario = by_scenario.find(scenario);
    const auto same_run = by_id.extract(id);
    if (same_scenario == by_scenario.end()) {
      found.insert(fmt::format("scenario '{}' ({}) is not there any more", scenario, rows.text(2)));
    } else if (const scenario::Source& source = *same_scenario->second->source;
               digest_of(source.text) != rows.text(3)) {
      found.insert(fmt::format("{} has changed", source.file));
    } else if (same_run.empty() || digest_of(*same_run.mapped()) != rows.text(4)) {
      found.insert(fmt::format("scenario '{}' gives other runs than it did", scenario));
    } else if (place >= plans.size() || plans[place].id != id) {
      found.insert("its runs are in another order");
    }
  }
  if (!found.empty()) return found;
  for (const auto& [id, plan] : by_id) found.insert(fmt::format("{} has come in", plan->source->file));
  return found;
}

Result<void> refuse_other_plan(const Database& database, const fs::path& file, const JournalHead& head,
                               std::string_view version, const std::vector<scenario::RunPlan>& plans) {
  if (head.version != version) {
    return Error(ErrorKind::kInvalid,
                 fmt::format("{}: begun by snaphammer {}, this is {}", file.string(), head.version, version))
        .advise("use the snaphammer that began the campaign, or begin a new one with `snaphammer run`");
  }
  SNAP_ASSIGN(const std::set<std::string> found, differences(database, plans));
  if (found.empty()) return {};
  return Error(ErrorKind::kInvalid,
               fmt::format("{}: the campaign was begun with another plan: {}", file.string(), fmt::join(found, "; ")))
      .advise("put the files back as they were, or begin a new campaign with `snaphammer run`");
}

// A write-ahead log that is synced at each commit: one short write makes a result durable, and readers do not wait.
Result<void> make_durable(const Database& database) {
  SNAP_TRY(database.text("PRAGMA journal_mode = WAL"));
  return database.execute("PRAGMA synchronous = FULL");
}

}  // namespace

report::CampaignResult JournalContent::results() const {
  report::CampaignResult results{.tool = {{"name", "snaphammer"}, {"version", head.version}},
                                 .campaign = head.campaign,
                                 .host = head.host,
                                 .started = head.started,
                                 .seconds = seconds,
                                 .unfinished = planned - finished.size(),
                                 .notes = head.notes,
                                 .runs = {}};
  for (const auto& [place, result] : finished) results.runs.push_back(result);
  return results;
}

bool has_journal(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(directory / kName, ignored);
}

Result<JournalContent> read_journal(const fs::path& directory) {
  // Not only for reading: what a killed campaign was writing is first taken back by whoever opens it next.
  SNAP_ASSIGN(const Database database, open(directory));
  Result<JournalContent> content = read(database, directory / kName);
  if (!content) return with_advice(content.error(), directory / kName);
  return content;
}

Result<Journal> Journal::create(const fs::path& directory, const JournalHead& head,
                                const std::vector<scenario::RunPlan>& plans) {
  SNAP_ASSIGN(ProcessLock locked, lock(directory));
  // Filled under another name, so that whoever dies here leaves no half of a journal.
  const fs::path unfinished = directory / "journal.sqlite.new";
  std::error_code error;
  fs::remove(unfinished, error);
  {
    SNAP_ASSIGN(const Database database, Database::open(unfinished, Database::Access::kCreate));
    SNAP_TRY(fill(database, head, plans));
  }
  if (::rename(unfinished.c_str(), (directory / kName).c_str()) != 0) {
    return errno_error("create " + (directory / kName).string());
  }
  SNAP_TRY(sync_directory(directory));
  SNAP_ASSIGN(Database database, open(directory));
  SNAP_TRY(make_durable(database));
  SNAP_ASSIGN(JournalContent content, read(database, directory / kName));
  return Journal(std::move(locked), std::move(database), std::move(content));
}

Result<Journal> Journal::resume(const fs::path& directory, std::string_view version,
                                const std::vector<scenario::RunPlan>& plans) {
  SNAP_ASSIGN(Database database, open(directory));
  SNAP_ASSIGN(ProcessLock locked, lock(directory));
  SNAP_ASSIGN(JournalContent content, read(database, directory / kName));
  SNAP_TRY(refuse_other_plan(database, directory / kName, content.head, version, plans));
  SNAP_TRY(make_durable(database));
  return Journal(std::move(locked), std::move(database), std::move(content));
}

// What is complete is one file, which can be read where nothing can be written.
Journal::~Journal() {
  if (lock_) static_cast<void>(database_.text("PRAGMA journal_mode = DELETE"));
}

Result<void> Journal::record(std::size_t place, const report::RunResult& result, double seconds) {
  SNAP_ASSIGN(Statement insert, database_.prepare("INSERT INTO result VALUES (?, ?)"));
  const std::string stored =
      report::to_json(result).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  SNAP_TRY(database_.execute("BEGIN IMMEDIATE"));
  Result<void> kept = insert.bind(1, static_cast<std::int64_t>(place)).bind(2, stored).run();
  if (kept) kept = set_seconds(seconds);
  if (kept) kept = database_.execute("COMMIT");
  if (!kept) static_cast<void>(database_.execute("ROLLBACK"));
  return kept;
}

Result<void> Journal::set_seconds(double seconds) {
  SNAP_ASSIGN(Statement campaign, database_.prepare("UPDATE campaign SET seconds = ?"));
  return campaign.bind(1, seconds).run();
}

}  // namespace snaphammer::engine
