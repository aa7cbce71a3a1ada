#include "harness/engine/shard_choice.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace snaphammer::engine {
namespace {

// Where a scheduler says which of how many jobs this is.
struct Scheduler {
  const char* name;
  const char* index;
  const char* count;  // Null: it does not say.
  const char* first;  // The variable with the first index, or null: `base` is.
  std::size_t base;
  const char* step;  // The variable with the distance between indices, or null: one.
};

// GitHub has the two numbers only in the context `strategy`; a workflow puts them into the environment.
// https://buildkite.com/docs/pipelines/environment-variables, https://docs.gitlab.com/ci/variables/predefined_variables,
// https://docs.github.com/actions/reference/workflows-and-actions/contexts,
// https://slurm.schedmd.com/job_array.html, https://kubernetes.io/docs/concepts/workloads/controllers/job
constexpr Scheduler kSchedulers[] = {
    {"Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", nullptr, 0, nullptr},
    {"GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", nullptr, 1, nullptr},
    {"GitHub", "STRATEGY_JOB_INDEX", "STRATEGY_JOB_TOTAL", nullptr, 0, nullptr},
    {"Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", 0, "SLURM_ARRAY_TASK_STEP"},
    {"Kubernetes", "JOB_COMPLETION_INDEX", nullptr, nullptr, 0, nullptr},
};

Result<std::size_t> number_in(const Environment& environment, const char* variable) {
  const std::string text = environment.get(variable);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (!text.empty() && error == std::errc() && end == text.data() + text.size()) return number;
  return Error(ErrorKind::kInvalid, fmt::format("shard auto: {} is '{}', expected a number", variable, text))
      .advise("say which shard this is, as in --shard 1/4");
}

Result<Shard> shard_of(const Scheduler& scheduler, std::string_view count, const Environment& environment) {
  SNAP_ASSIGN(const std::size_t number, number_in(environment, scheduler.index));
  std::size_t first = scheduler.base;
  std::size_t step = 1;
  if (scheduler.first != nullptr && !environment.get(scheduler.first).empty()) {
    SNAP_ASSIGN(first, number_in(environment, scheduler.first));
  }
  if (scheduler.step != nullptr && !environment.get(scheduler.step).empty()) {
    SNAP_ASSIGN(step, number_in(environment, scheduler.step));
  }
  std::string total(count);
  if (total.empty() && scheduler.count != nullptr) total = environment.get(scheduler.count);
  if (total.empty()) {
    return Error(ErrorKind::kInvalid,
                 fmt::format("shard auto: {} does not say how many jobs there are", scheduler.name))
        .advise("say it yourself, as in --shard auto/4");
  }
  if (number < first || step == 0) {
    return Error(ErrorKind::kInvalid, fmt::format("shard auto: {} is {}, before the first", scheduler.index, number))
        .advise("say which shard this is, as in --shard 1/4");
  }
  Result<Shard> shard = Shard::parse(fmt::format("{}/{}", (number - first) / step + 1, total));
  if (!shard) return shard.error().in(fmt::format("{} {}", scheduler.name, scheduler.index));
  return shard;
}

}  // namespace

Result<Shard> choose_shard(std::string_view text, const Environment& environment) {
  if (!text.starts_with("auto")) return Shard::parse(text);
  std::string_view count = text.substr(4);
  if (!count.empty() && (count.front() != '/' || count.size() == 1)) return Shard::parse(text);
  if (!count.empty()) count.remove_prefix(1);
  for (const Scheduler& scheduler : kSchedulers) {
    if (!environment.get(scheduler.index).empty()) return shard_of(scheduler, count, environment);
  }
  std::string known;
  for (const Scheduler& scheduler : kSchedulers) known += (known.empty() ? "" : ", ") + std::string(scheduler.index);
  return Error(ErrorKind::kInvalid, "shard auto: this is no job of a parallel build; none is set of " + known)
      .advise("say which shard this is, as in --shard 1/4");
}

}  // namespace snaphammer::engine
