// freeze: {at: {symbol: __alloc_pages, in: kernel, hit: 100, then_steps: 3}}
#include "harness/scenario/kinds.h"
#include "harness/scenario/step.h"
#include "harness/scenario/union.h"
#include "harness/steps/spaces.h"

namespace snaphammer::steps {
namespace {

using scenario::Catalog;
using scenario::Fields;
using scenario::PhaseKind;
using scenario::Union;

/// Instructions after the hit-th time that a vCPU reaches a symbol.
struct AtSymbol {
  std::string symbol;
  std::string in = "kernel";  ///< Or a started workload.
  std::uint64_t hit = 1;
  std::uint64_t then_steps = 0;
};
void describe(Fields<AtSymbol>& fields) {
  fields.add("symbol", &AtSymbol::symbol, "A function of the kernel or of a workload.")
      .required()
      .matching("[A-Za-z_.$][A-Za-z0-9_.$]*", "the name of a symbol");
  fields.add("in", &AtSymbol::in, "kernel, or a started workload.").refers_to(kWorkloads, "kernel");
  fields.add("hit", &AtSymbol::hit, "Which time it is reached, from 1.").between(1, 1'000'000'000);
  fields.add("then_steps", &AtSymbol::then_steps, "Instructions to go on after that.").between(0, 1'000'000);
}

struct Random {
  Duration within{};
};
void describe(Fields<Random>& fields) {
  fields.add("within", &Random::within, "The longest wait; the seed chooses the moment.")
      .required()
      .between(Duration(1), std::chrono::hours(1));
}
struct AtRandom {
  Random random;
};
void describe(Fields<AtRandom>& fields) {
  fields.add("random", &AtRandom::random, "A moment chosen by the seed.").required();
}

struct AtPhase {
  std::string phase;
};
void describe(Fields<AtPhase>& fields) {
  fields.add("phase", &AtPhase::phase, "A failpoint of the pause or restore sequence.")
      .required()
      .in_catalog(Catalog<PhaseKind>::lookup());
}

using FreezePoint = std::variant<AtSymbol, AtRandom, AtPhase>;
void describe(Union<FreezePoint>& shapes) {
  shapes.map<AtSymbol>("symbol");
  shapes.map<AtRandom>("random");
  shapes.map<AtPhase>("phase");
}

struct Freeze {
  FreezePoint at;
};
void describe(Fields<Freeze>& fields) { fields.add("at", &Freeze::at, "Where vCPUs stop.").required(); }

const scenario::StepRegistration<Freeze> registration{
    "freeze", "Stops vCPUs at an exact place.",
    "freeze: {at: {symbol: __alloc_pages, in: kernel, hit: 100, then_steps: 3}}"};

}  // namespace
}  // namespace snaphammer::steps
