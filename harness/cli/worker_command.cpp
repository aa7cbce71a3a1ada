#include "harness/cli/command.h"
#include "harness/engine/worker.h"
#include "harness/engine/worker_process.h"

namespace snaphammer::cli {
namespace {

class WorkerCommand : public Command {
 public:
  std::string name() const override { return "worker"; }
  bool is_internal() const override { return true; }

  void declare(CLI::App& app) override {
    app.description("One run of a campaign, in a process of its own. Started by `run` and `replay`.");
    app.add_option("ARTIFACTS", artifacts_, "Directory with plan.json; gets result.json")->required();
    app.add_option("RUNTIME", runtime_, "Directory for sockets")->required();
  }

  Result<int> run(Session& session) override {
    SNAP_ASSIGN(engine::Installation installation, engine::Installation::of_this_process());
    const engine::RunPaths paths{.artifacts = artifacts_,
                                 .runtime = runtime_,
                                 .caches = engine::Caches::of(session.environment),
                                 .installation = std::move(installation)};
    return engine::run_worker(paths, engine::kEventsFd, session.parts.execute);
  }

 private:
  std::string artifacts_;
  std::string runtime_;
};

}  // namespace

CommandPtr make_worker_command() { return std::make_unique<WorkerCommand>(); }

}  // namespace snaphammer::cli
