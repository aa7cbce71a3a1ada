#include "harness/engine/run_outcome.h"

#include <algorithm>
#include <fstream>

#include <nlohmann/json.hpp>

#include "harness/engine/atomic_file.h"

namespace snaphammer::engine {
namespace {

Result<report::RunResult> read_result(const scenario::RunPlan& plan, const RunPaths& paths) {
  SNAP_ASSIGN(const std::string text, read_file(paths.result()));
  const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Error(ErrorKind::kCorrupt, "result.json is not JSON");
  SNAP_ASSIGN(report::RunResult result, report::run_result_from_json(json));
  if (result.id != plan.id) return Error(ErrorKind::kCorrupt, "result.json is of run " + result.id);
  return result;
}

std::string what_happened(const WorkerEnd& end) {
  std::string text = "the worker ";
  switch (end.how) {
    case WorkerEnd::How::kExited:
      text += end.status.describe();
      break;
    case WorkerEnd::How::kTimedOut:
      text += "hung past the run's timeout and was killed";
      break;
  }
  if (!end.last_phase.empty()) text += " during '" + end.last_phase + "'";
  return text;
}

}  // namespace

report::RunResult blank_result(const scenario::RunPlan& plan) {
  report::RunResult result;
  result.id = plan.id;
  result.scenario = plan.scenario->name;
  result.point = plan.point;
  result.seed = plan.seed;
  return result;
}

report::RunResult outcome_of_error(const scenario::RunPlan& plan, const Error& error) {
  report::RunResult result = blank_result(plan);
  result.verdict = error.kind() == ErrorKind::kUnfit ? report::Verdict::kInconclusive : report::Verdict::kError;
  result.message = error.describe();
  return result;
}

report::RunResult outcome_of_worker(const scenario::RunPlan& plan, const RunPaths& paths, const WorkerEnd& end) {
  std::string problem = what_happened(end);
  if (end.how == WorkerEnd::How::kExited && end.status.success()) {
    Result<report::RunResult> result = read_result(plan, paths);
    if (result) return *std::move(result);
    problem += " and left no result to be read: " + result.error().message();
  }
  if (const std::string said = last_line(paths.output()); !said.empty()) problem += "; it last said: " + said;
  return outcome_of_error(plan, Error(ErrorKind::kInternal, problem));
}

std::string last_line(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) return {};
  constexpr std::streamoff kTail = 4096;
  const std::streamoff size = stream.tellg();
  stream.seekg(std::max<std::streamoff>(0, size - kTail));
  std::string last;
  for (std::string line; std::getline(stream, line);) {
    std::erase_if(line, [](unsigned char c) { return c < ' ' || c == 0x7f; });
    if (line.find_first_not_of(' ') != std::string::npos) last = std::move(line);
  }
  constexpr std::size_t kLongest = 200;
  if (last.size() > kLongest) last = last.substr(0, kLongest) + "...";
  return last;
}

}  // namespace snaphammer::engine
