// Stands for `snaphammer worker` in tests of the campaign: scripted_worker worker ARTIFACTS RUNTIME.

#include "harness/engine/testing/scripted_run.h"
#include "harness/engine/worker.h"
#include "harness/engine/worker_process.h"

int main(int argc, char** argv) {
  using namespace snaphammer::engine;
  if (argc != 4) return 2;
  const RunPaths paths{.artifacts = argv[2], .runtime = argv[3], .caches = {}, .installation = {}};
  return run_worker(paths, kEventsFd, execute_scripted_run);
}
