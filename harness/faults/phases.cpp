// The points of the sequences, as scenarios name them: a phase's own name is the point before it.
#include "lib/sandbox/phases.h"

#include "harness/scenario/kinds.h"

namespace snaphammer::faults {
namespace {

bool register_phases() {
  auto& catalog = scenario::Catalog<scenario::PhaseKind>::of();
  for (const sandbox::PhaseId& phase : sandbox::kPhases) {
    const std::string meaning(phase.meaning);
    catalog.add({phase.path(), "Before: " + meaning + "."});
    catalog.add({phase.before(), "The same point as " + phase.path() + "."});
    catalog.add({phase.after(), "After: " + meaning + "."});
  }
  return true;
}

const bool kRegistered = register_phases();

}  // namespace
}  // namespace snaphammer::faults
