// `--shard` as it is written: "2/5", or "auto" for what the job scheduler has put into this job's environment.
//
//   SNAP_ASSIGN(const Shard shard, choose_shard("auto", environment));
//
// Known to `auto` are Buildkite (BUILDKITE_PARALLEL_JOB), GitLab (CI_NODE_INDEX), a GitHub matrix whose workflow
// says `env: {STRATEGY_JOB_INDEX: ${{ strategy.job-index }}, STRATEGY_JOB_TOTAL: ${{ strategy.job-total }}}`, Slurm arrays
// (SLURM_ARRAY_TASK_ID) and Kubernetes indexed jobs (JOB_COMPLETION_INDEX). Kubernetes does not tell a job how many there
// are: "auto/5" does. Without `auto` nothing is read: an array of jobs may be one for another reason.
#pragma once

#include <string_view>

#include "harness/engine/environment.h"
#include "harness/engine/selection.h"

namespace snaphammer::engine {

/// kInvalid when `text` is neither of these, or the environment does not say what it needs.
Result<Shard> choose_shard(std::string_view text, const Environment& environment);

}  // namespace snaphammer::engine
