// The whole program, but its runs are scripted and boot nothing, and it takes the host to be as SCRIPTED_HOST says: any
// of no-userfaultfd, no-memfd, no-space.

#include "harness/cli/command_line.h"
#include "harness/engine/testing/scripted_run.h"

namespace {

using namespace snaphammer;

doctor::Host look_at_host(engine::Installation installation, engine::Caches caches, std::filesystem::path runtime,
                          std::filesystem::path out) {
  doctor::Host host =
      doctor::Host::real(std::move(installation), std::move(caches), std::move(runtime), std::move(out));
  const std::string script = engine::Environment::of_this_process().get("SCRIPTED_HOST");
  const auto unless = [&script](const char* word) -> Result<void> {
    if (script.find(word) == std::string::npos) return {};
    return Error(ErrorKind::kUnfit, std::string("scripted: ") + word);
  };
  const Result<void> userfaultfd = unless("no-userfaultfd");
  const Result<void> memfd = unless("no-memfd");
  const ByteCount space = unless("no-space") ? 64_GiB : 0;
  host.open_userfaultfd = [userfaultfd](doctor::UffdWay) { return userfaultfd; };
  host.open_memfd = [memfd] { return memfd; };
  host.free_space = [space](const std::filesystem::path&) -> Result<ByteCount> { return space; };
  host.probe_accel = []() -> Result<vmm::AccelChoice> { return vmm::AccelChoice{vmm::Accel::kTcg, "scripted"}; };
  return host;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_command_line(argc, argv, {.execute = engine::execute_scripted_run, .look_at_host = look_at_host});
}
