// A checked scenario: the content of a scenario file as plain values. load.h makes it, plan.h turns it into runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/scenario/expectation.h"
#include "harness/scenario/knobs.h"
#include "harness/scenario/limits.h"
#include "harness/scenario/matrix.h"
#include "harness/scenario/step.h"
#include "harness/scenario/vm_settings.h"

namespace snaphammer::scenario {

struct Scenario {
  unsigned version = 1;
  std::string name;
  std::string summary;
  std::vector<std::string> tags;
  VmSettings vm;
  RuntimeKnobs runtime;
  Matrix matrix;
  unsigned repeat = 1;                ///< Runs per point, each with its own seed.
  std::optional<std::uint64_t> seed;  ///< The first seed.
  Duration timeout = std::chrono::minutes(5);
  StepList steps;
  std::vector<Expectation> expect;
  Limits limits;
};
void describe(Fields<Scenario>& fields);

}  // namespace snaphammer::scenario
