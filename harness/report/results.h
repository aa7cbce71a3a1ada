// What a run and a campaign found: plain data, the content of results.json (schema 1).
//
// A worker writes one RunResult, the campaign collects them into a CampaignResult, reporters read that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/base/result.h"

namespace snaphammer::report {

enum class Verdict {
  kPass,
  kFail,          ///< At least one finding.
  kInconclusive,  ///< The environment or an oracle failed, a fault never acted, a limit had nothing to judge, or
                  ///< there was no guest.
  kError,         ///< The harness failed.
  kSkipped,       ///< A capability is missing; `message` says which.
};
std::string_view name_of(Verdict verdict);

struct Finding {
  std::string id;      ///< `stale-page`, `hang` ...: the stable ids of the contract.
  std::string oracle;  ///< Who saw it: a workload instance or an oracle.
  std::string message;
  std::uint64_t count = 1;  ///< How many of one kind were folded into this one.
  nlohmann::json evidence;
  std::optional<double> at_ms = {};  ///< From the run's start, the first of them; nothing in results of older builds.
};

struct FaultReport {
  std::string name;
  std::uint64_t acted = 0;
  std::optional<double> first_at_ms;
};

struct RestoreReport {
  std::string from;
  std::string guest = "guest";                            ///< Or "clone-1" and so on.
  std::optional<double> to_healthy_ms;                    ///< Nothing (null in JSON) when nobody saw it healthy.
  std::vector<std::pair<std::string, double>> phases_ms;  ///< In the order in which they ran.
  nlohmann::json uffd;                                    ///< The page server's counters and latencies.
};

struct PauseReport {
  std::string snapshot;
  std::string type;
  double downtime_ms = 0;
  std::vector<std::pair<std::string, double>> phases_ms;
  std::uint64_t bytes = 0;
};

/// Where a `freeze` step stopped the guest.
struct FreezeReport {
  std::string at;                     ///< The symbol, "random", or "phase NAME".
  std::string in;                     ///< Whose symbol: "kernel" or a workload; empty without one.
  std::uint64_t address = 0;          ///< Of the symbol.
  std::uint64_t hits = 0;             ///< How often it was reached, the last time included.
  std::uint64_t elsewhere = 0;        ///< How often that address was reached in another process.
  std::uint64_t steps = 0;            ///< Instructions that were executed after that.
  double after_ms = 0;                ///< From the step's beginning.
  std::optional<std::uint64_t> vcpu;  ///< Who came there; nothing where all were just stopped.
  nlohmann::json vcpus;  ///< Of each: {"place", "registers": {"rip": "0x..." ...}, "stack": ["symbol+0x3" ...]}.
};

/// How long commands that ran at once took.
struct ExecStressReport {
  std::uint64_t parallel = 0;       ///< Commands at once.
  double slowest_ms = 0;            ///< Of them, each from its request to its exit.
  std::optional<double> single_ms;  ///< A command by itself, right afterwards; nothing where the step has no limit.
};

/// What a scenario expects of a run.
struct Expects {
  Verdict verdict = Verdict::kPass;
  std::vector<std::string> findings;  ///< Exactly these kinds; a fail without any may have whatever it has.
};

/// An execution of a run that was not as expected, and was tried again.
struct Attempt {
  Verdict verdict = Verdict::kError;
  std::string message;
  std::string artifacts;  ///< As of a RunResult.
};

/// Processor time that a run took, user and system, of all its threads.
struct CpuTime {
  double harness_ms = 0;  ///< Of its worker, the builtin page server included, until the result was written.
  double vmm_ms = 0;      ///< Of the processes that the worker started and saw end: VMMs, external handlers.
};

struct RunResult {
  std::string id;
  std::string scenario;
  std::vector<std::pair<std::string, nlohmann::json>> point;  ///< Knob path and value, in the matrix's order.
  std::uint64_t seed = 0;
  Verdict verdict = Verdict::kError;
  bool expected = false;
  std::optional<Expects> expects;  ///< Nothing in results of older builds.
  std::string message;             ///< Why, in one line, unless it passed.
  std::vector<Finding> findings;
  std::vector<FaultReport> faults;
  std::vector<RestoreReport> restores;
  std::vector<PauseReport> pauses;
  std::vector<FreezeReport> freezes;
  std::vector<ExecStressReport> exec_stress;
  std::string accel;
  std::string accel_reason;
  std::string guest_kernel;
  double seconds = 0;
  std::optional<CpuTime> cpu;  ///< Nothing where the worker did not live to tell, or in results of older builds.
  std::string artifacts;       ///< Relative to the campaign's directory.
  std::string reproduce;
  std::string known;              ///< Why this failure is a known one; empty for all others.
  std::vector<Attempt> attempts;  ///< Those before this one.

  /// Of the restores after which somebody saw the guest healthy, in their order, in ms.
  std::vector<double> times_to_healthy() const;
  /// Only as expected when it was tried again.
  bool is_flaky() const { return expected && !attempts.empty(); }
  /// Something that a person must look at: neither as expected nor known, and not for want of a capability.
  bool is_surprise() const { return !expected && known.empty() && verdict != Verdict::kSkipped; }
};

/// Ordered, so that the file reads as the contract is written, and points and phases keep their order.
nlohmann::ordered_json to_json(const RunResult& run);
/// The inverse, for the campaign that reads what a worker wrote (parse it as ordered_json). Checks names and types.
Result<RunResult> run_result_from_json(const nlohmann::ordered_json& json);

}  // namespace snaphammer::report
