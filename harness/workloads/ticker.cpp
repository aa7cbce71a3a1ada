#include "harness/scenario/kinds.h"

namespace snaphammer::workloads {
namespace {

using namespace std::chrono_literals;
using scenario::Fields;

struct Ticker {
  Duration period = 50ms;
  Duration late = 3s;
  Duration skew = 2s;
  Duration grace = 10s;
};
void describe(Fields<Ticker>& fields) {
  fields.add("period", &Ticker::period, "Of each timer.").between(5ms, 1s);
  fields.add("late", &Ticker::late, "How late a timer may be, but around a restore.").between(1ms, 1h);
  fields.add("skew", &Ticker::skew, "How far the wall clock may be off the hardware clock, or jump but for a restore.")
      .between(100ms, 1h);
  fields.add("grace", &Ticker::grace, "How long before and after a restore nothing is said.").between(1ms, 1h);
}

const scenario::Registration<scenario::WorkloadKind> kRegistration{
    {"ticker",
     "Runs timers of several kinds, and compares monotonic, wall and hardware clock with each other; the wall clock "
     "has to be set after a restore or a pause.",
     "start: {workload: ticker, args: {skew: 2s}}", scenario::args_of<Ticker>()}};

}  // namespace
}  // namespace snaphammer::workloads
