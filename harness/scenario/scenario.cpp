#include "harness/scenario/scenario.h"

#include <limits>
#include <variant>

#include <fmt/format.h>

namespace snaphammer::scenario {

void describe(Fields<Scenario>& fields) {
  fields.add("version", &Scenario::version, "The version of this format: 1.").required().between(1, 1);
  fields.add("name", &Scenario::name, "Unique among the scenarios of a campaign.")
      .required()
      .matching("[a-z0-9][a-z0-9-]{0,79}", "a name of a-z, 0-9 and dashes, at most 80");
  fields.add("summary", &Scenario::summary, "What the scenario shows, in one sentence.");
  fields.add("tags", &Scenario::tags, "Words to choose scenarios by.");
  fields.add("vm", &Scenario::vm, "The guest's machine.");
  fields.add("runtime", &Scenario::runtime, "Knobs of the runtime under test; every default is right.");
  fields.add("matrix", &Scenario::matrix, "Settings with several values; every combination is a point.");
  fields.add("repeat", &Scenario::repeat, "Runs per point, each with its own seed.").between(1, 10'000);
  fields.add("seed", &Scenario::seed, "The first seed; random, and printed, when it is missing.");
  fields.add("timeout", &Scenario::timeout, "How long a whole run may take.")
      .between(std::chrono::milliseconds(1), std::chrono::hours(24 * 7));
  fields.add("steps", &Scenario::steps, "What is done, in order.")
      .required()
      .check([](const StepList& steps, Reader& reader, const Node& node) {
        if (steps.empty()) reader.fail(node, "steps: a scenario without steps does nothing", "begin with `- boot: {}`");
      });
  fields.add("expect", &Scenario::expect, "How runs are to end; the first entry that matches decides.");
  fields.add("limits", &Scenario::limits, "Bounds on what is measured; breaking one is a finding `limit`.");
  fields.rule([](Scenario& scenario, Reader& reader, const Node& node) {
    check_reachable(reader, node.find("expect"), scenario.expect);
  });
  fields.rule([](Scenario& scenario, Reader& reader, const Node& node) {
    const auto* const size = std::get_if<ByteCount>(&scenario.runtime.pause.balloon);
    if (size == nullptr || *size < scenario.vm.memory) return;
    const Node* const runtime = node.find("runtime");
    reader.fail(runtime != nullptr ? *runtime : node,
                fmt::format("runtime.pause.balloon: {} of the guest's {} leave it no memory", format_bytes(*size),
                            format_bytes(scenario.vm.memory)),
                "give a size below vm.memory, or `auto`: what the guest can spare");
  });
}

}  // namespace snaphammer::scenario
