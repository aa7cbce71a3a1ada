// What a scenario says about the workload ledger: how it serves, and who asks it.
#pragma once

#include <vector>

#include "harness/scenario/fields.h"

namespace snaphammer::workloads {

/// How clients reach the guest.
enum class Over { kTcp, kVsock };
void describe(scenario::Choices<Over>& words);

enum class Repeats { kAnswered, kExecuted };
void describe(scenario::Choices<Repeats>& words);

struct Ledger {
  unsigned port = 7070;
  unsigned vsock = 7070;
  Duration work = std::chrono::milliseconds(20);
  Repeats repeats = Repeats::kAnswered;
  std::string file;
  unsigned clients = 4;
  std::vector<Over> over = {Over::kTcp, Over::kVsock};
  unsigned rate = 10;
};
void describe(scenario::Fields<Ledger>& fields);

}  // namespace snaphammer::workloads
