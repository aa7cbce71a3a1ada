// inject: {fault: vsock.delay, as: slow, for: 2s, args: {by: 100ms}}
#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/faults/guest_choice.h"
#include "harness/scenario/kinds.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"

namespace snaphammer::steps {
namespace {

using scenario::Catalog;
using scenario::Course;
using scenario::FaultKind;
using scenario::Fields;
using scenario::kFaults;
using scenario::Node;
using scenario::PhaseKind;
using scenario::Reader;

/// A failpoint of the pause or restore sequence, and how many times it is passed first.
struct AtFailpoint {
  std::string phase;
  std::uint64_t after = 0;
};
void describe(Fields<AtFailpoint>& fields) {
  fields.add("phase", &AtFailpoint::phase, "A failpoint of the pause or restore sequence.")
      .required()
      .in_catalog(Catalog<PhaseKind>::lookup());
  fields.add("after", &AtFailpoint::after, "How many times it is passed before the fault acts.");
}

struct Inject {
  std::string fault;
  std::optional<std::string> as;  ///< Without it no `heal` can name it.
  std::optional<Duration> duration;
  nlohmann::json args;  ///< Of the fault, checked and with its defaults.
  std::optional<AtFailpoint> when;
};

void describe(Fields<Inject>& fields) {
  fields.add("fault", &Inject::fault, "What is done.").required().in_catalog(Catalog<FaultKind>::lookup());
  fields.add("as", &Inject::as, "What `heal` calls it.")
      .matching("[A-Za-z0-9][A-Za-z0-9_-]*", "a name of letters, digits, - and _")
      .declares(kFaults);
  fields.add("for", &Inject::duration, "How long; without it, until `heal` or the run's end.")
      .between(Duration(1), std::chrono::hours(24));
  add_args(fields, &Inject::args, "Arguments; see `describe FAULT`.",
           [](const Inject& inject) { return Catalog<FaultKind>::of().find(inject.fault); });
  fields.add("when", &Inject::when,
             "Acts at this failpoint of the run's own guest instead of at once; clones do not count.");
  fields.rule([](Inject& inject, Reader& reader, const Node& node) {
    const FaultKind* kind = Catalog<FaultKind>::of().find(inject.fault);
    if (kind == nullptr || kind->place.empty() || inject.when || inject.args.contains(kind->place)) return;
    reader.fail(*node.find("fault"),
                fmt::format("{}: neither `when` nor `args: {{{}: ...}}` says where", inject.fault, kind->place),
                "name a phase; see `snaphammer list phases`");
  });
}

void follow(const Inject& options, Course& course) {
  const FaultKind* const kind = Catalog<FaultKind>::of().find(options.fault);
  if (!options.when && kind->follow) kind->follow(options.args, course);
  const std::string guest = options.args.value("guest", "");  // See faults::add_guest().
  course.may_end_workloads();
  if (const auto clone = faults::number_of_clone(guest)) course.needs_clone(*clone);
}

Async<void> execute(const Inject& options, engine::RunContext& run) {
  faults::Injection injection{.fault = options.fault,
                              .as = options.as.value_or(""),
                              .duration = options.duration,
                              .args = options.args,
                              .when = {}};
  if (options.when) injection.when = {.point = faults::point_named(options.when->phase), .after = options.when->after};
  return run.faults().inject(std::move(injection));
}

const scenario::StepRegistration<Inject> registration{
    "inject", "Does something to the world.", "inject: {fault: vsock.delay, as: slow, for: 2s, args: {by: 100ms}}"};

}  // namespace
}  // namespace snaphammer::steps
