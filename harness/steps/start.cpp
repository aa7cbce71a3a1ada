// start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}
#include <algorithm>

#include "harness/engine/run_context.h"
#include "harness/scenario/kinds.h"
#include "harness/scenario/step_registration.h"
#include "harness/steps/spaces.h"

namespace snaphammer::steps {
namespace {

using scenario::Catalog;
using scenario::Fields;
using scenario::Node;
using scenario::Reader;
using scenario::WorkloadKind;

struct Start {
  std::string workload;
  std::string as;       ///< Never empty after reading.
  nlohmann::json args;  ///< Of the workload, checked and with its defaults.
};

/// The workload says what its arguments are.
void read_args(Start& start, Reader& reader, const Node& node) {
  const WorkloadKind* kind = Catalog<WorkloadKind>::of().find(start.workload);
  if (kind == nullptr) return;  // Not in this build, which the field's own check has judged.
  const Node* args = node.find("args");
  const Reader::Within within(reader, "args");
  start.args = kind->args.read(reader, args ? *args : Node{});
}

void describe(Fields<Start>& fields) {
  fields.add("workload", &Start::workload, "What is started.").required().in_catalog(Catalog<WorkloadKind>::lookup());
  fields.add("as", &Start::as, "What later steps call it; without it, the workload's name.")
      .matching("[A-Za-z0-9][A-Za-z0-9_-]*", "a name of letters, digits, - and _");
  fields.add("args", &Start::args, "Arguments; see `describe WORKLOAD`.");
  fields.rule([](Start& start, Reader& reader, const Node& node) {
    const Node* as = node.find("as");
    if (as == nullptr) start.as = start.workload;
    reader.declare(kWorkloads, start.as, as ? as->where : node.find("workload")->where);
    read_args(start, reader, node);
  });
}

// What the guest's program gets: `--key value`, text without quotes.
std::map<std::string, std::string> program_arguments(const std::string& workload, const nlohmann::json& args) {
  const std::vector<std::string>& kept = Catalog<WorkloadKind>::of().find(workload)->host_args;
  std::map<std::string, std::string> arguments;
  for (const auto& [key, value] : args.items()) {
    if (std::find(kept.begin(), kept.end(), key) != kept.end()) continue;
    if (!value.is_null()) arguments[key] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return arguments;
}

Async<void> execute(const Start& options, engine::RunContext& run) {
  return run.start_workload({.workload = options.workload, .as = options.as, .args = options.args},
                            program_arguments(options.workload, options.args));
}

const scenario::StepRegistration<Start> registration{"start",
                                                     "Starts a workload in the guest and waits until it is ready.",
                                                     "start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}"};

}  // namespace
}  // namespace snaphammer::steps
