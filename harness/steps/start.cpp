// start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}
#include <algorithm>

#include "harness/engine/run_context.h"
#include "harness/scenario/kinds.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Catalog;
using scenario::Course;
using scenario::Fields;
using scenario::kWorkloads;
using scenario::Node;
using scenario::Reader;
using scenario::WorkloadKind;

struct Start {
  std::string workload;
  std::string as;       ///< Never empty after reading.
  nlohmann::json args;  ///< Of the workload, checked and with its defaults.
};

void describe(Fields<Start>& fields) {
  fields.add("workload", &Start::workload, "What is started.").required().in_catalog(Catalog<WorkloadKind>::lookup());
  fields.add("as", &Start::as, "What later steps call it; without it, the workload's name.")
      .matching("[A-Za-z0-9][A-Za-z0-9_-]*", "a name of letters, digits, - and _")
      .check([](const std::string& as, Reader& reader, const Node& node) {
        if (as == "all") reader.invalid(node, "'all' stands for every workload", "choose another name");
        reader.know(kWorkloads, as, node.where);
      })
      .otherwise([](Start& start, Reader& reader, const Node& node) {
        start.as = start.workload;
        reader.know(kWorkloads, start.as, node.where);
      });
  add_args(fields, &Start::args, "Arguments; see `describe WORKLOAD`.",
           [](const Start& start) { return Catalog<WorkloadKind>::of().find(start.workload); });
}

void follow(const Start& options, Course& course) {
  course.needs_healthy();
  course.starts(options.as, options.workload);
  const std::string& memory = Catalog<WorkloadKind>::of().find(options.workload)->memory_arg;
  const auto asked = options.args.find(memory);
  if (asked == options.args.end()) return;  // It takes what there is.
  const Result<ByteCount> taken = parse_bytes(asked->get<std::string>());
  if (taken) course.needs_memory_above(*taken);
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
                                                     "Starts a workload in the guest and waits until it is ready. That "
                                                     "it ends, and what it finds by itself, fails the run "
                                                     "also when no step checks it; a check has it verify everything.",
                                                     "start: {workload: zero-pages, as: zp, args: {resident: 150MiB}}"};

}  // namespace
}  // namespace snaphammer::steps
