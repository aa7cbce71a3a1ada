// What host and agent say about workloads, and the contract between the agent and a workload.
//
// A workload is any program. It gets commands on its standard input, one line each: `check`, `collect` (garbage, where
// its runtime has some), `quiesce` (stand still, single-threaded if it can; `quiesce keep-threads`: without that),
// `resume`, `stop`. It writes JSON lines on its standard output:
//
//   {"type":"ready"}                                             once, when it is at work
//   {"type":"ready","crash":"heap-corruption"}                   the same, and which finding it is when its language runtime
//                                                              ends it: with "fatal error: ..." or "panic: ...", as Go's does
//   {"type":"beat", ...}                                         now and then; forwarded to the host
//   {"type":"finding","id":"stale-page","message":"...","evidence":{...}}
//   {"type":"verdict","pass":true, ...counters}                  one for each `check`, after all its findings
//   {"type":"collected"}, {"type":"quiesced"}, {"type":"resumed"}    one for each of these commands
//
//   {"type":"refused","command":"...","why":"..."}             instead of the answer to a command that cannot be obeyed
//
// Some workloads also lend pages to the host, for what it does to the memory of a guest. Such a page stays where it is in
// physical memory, and the workload leaves it alone until all are taken back, when it verifies them:
//
//   `set-aside N`                      {"type":"set-aside","pages":[guest physical address, ...]}   N of them, at most 4096
//   `take-back written|zeros`          {"type":"taken-back","pages":N}                              after all findings
//
// The agent keeps findings until a check has delivered them. When too many wait, it stops reading and the workload
// blocks on its output, so a workload must be able to wait there. `stop`, or the end of its input, ends it.
#pragma once

#include "lib/agent/exec_protocol.h"
#include "lib/agent/protocol.h"

namespace snaphammer::agent {

struct StartWorkload {
  std::string workload;                     ///< The program: /usr/lib/snaphammer/workloads/<workload>.
  std::string as;                           ///< The instance's name.
  std::map<std::string, std::string> args;  ///< Given as `--key value`.
  /// For its `ready`; long, because a caller with less patience gives up by itself.
  Duration timeout = std::chrono::minutes(5);

  nlohmann::json to_json() const;
  static Result<StartWorkload> from_json(const nlohmann::json& json);
};

/// How a workload's language runtime ended it.
struct Crash {
  std::string finding;   ///< As the workload's `ready` named it.
  std::string headline;  ///< "fatal error: bad summary data"
  std::string report;    ///< What it wrote on standard error: the lines before that, the headline, the first stacks.

  nlohmann::json to_json() const;
  static Result<Crash> from_json(const nlohmann::json& json);
};

/// Asks for pages that hold what the workload wrote to them.
struct SetAside {
  std::uint64_t pages = 1;
  Duration timeout = std::chrono::seconds(30);  ///< For the answer; a workload that holds nothing at the moment waits.

  nlohmann::json to_json() const;
  static Result<SetAside> from_json(const nlohmann::json& json);
};

struct PagesSetAside {
  std::vector<std::uint64_t> addresses;  ///< Physical ones of the guest; each of a whole page.

  nlohmann::json to_json() const;
  static Result<PagesSetAside> from_json(const nlohmann::json& json);
};

/// What pages that were set aside hold, unless something is wrong.
enum class PageContent {
  kWritten,  ///< What they held.
  kZeros,    ///< The host has discarded them.
};
std::string_view name_of(PageContent content);

/// Ends what SetAside began, for all pages.
struct TakeBack {
  PageContent expected = PageContent::kWritten;
  Duration timeout = std::chrono::seconds(30);  ///< For the answer.

  nlohmann::json to_json() const;
  static Result<TakeBack> from_json(const nlohmann::json& json);
};

struct WorkloadInfo {
  std::string as;
  std::string workload;
  std::int64_t pid{};
  ProcessEnd end;                     ///< Neither set while it runs.
  std::string stderr_tail;            ///< The last of what it wrote there.
  std::uint64_t findings{};           ///< All that it reported so far.
  std::uint64_t undelivered_bytes{};  ///< Of findings that no check has collected yet.
  std::optional<Crash> crash = {};

  nlohmann::json to_json() const;
  static Result<WorkloadInfo> from_json(const nlohmann::json& json);
};

struct Finding {
  std::string id;  ///< `stale-page` ...
  std::string message;
  nlohmann::json evidence = nlohmann::json::object();

  nlohmann::json to_json() const;
  static Result<Finding> from_json(const nlohmann::json& json);
};

/// The last line of a check: {"type":"verdict","pass":...,counters}, {"type":"died","workload":{...}} or, when no
/// verdict came in time, {"type":"late","error":"..."}.
struct CheckReport {
  bool pass = false;
  nlohmann::json counters = nlohmann::json::object();  ///< What else the verdict says: pages checked, rounds ...
  std::optional<WorkloadInfo> died;                    ///< There is no verdict; the workload ended by itself.
  std::string late;                                    ///< There is no verdict yet; why.

  nlohmann::json to_json() const;
  static Result<CheckReport> from_json(const nlohmann::json& json);
};

}  // namespace snaphammer::agent
