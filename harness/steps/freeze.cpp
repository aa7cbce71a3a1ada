// freeze: {at: {symbol: __alloc_pages, in: kernel, hit: 100, then_steps: 3}}
#include <array>
#include <random>

#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/scenario/kinds.h"
#include "harness/scenario/spaces.h"
#include "harness/scenario/step_registration.h"
#include "harness/scenario/union.h"

namespace snaphammer::steps {
namespace {

using scenario::Catalog;
using scenario::Course;
using scenario::Fields;
using scenario::Guest;
using scenario::kWorkloads;
using scenario::Node;
using scenario::PhaseKind;
using scenario::Reader;
using scenario::Union;

/// Instructions after the hit-th time that a vCPU reaches a symbol.
struct AtSymbol {
  std::string symbol;
  std::string in = engine::kKernel;  ///< Or a started workload.
  std::uint64_t hit = 1;
  std::uint64_t then_steps = 0;
  scenario::Position where = {};  ///< Of the symbol.
};
void describe(Fields<AtSymbol>& fields) {
  fields.add("symbol", &AtSymbol::symbol, "A function of the kernel or of a workload, by its name in the symbol table.")
      .required()
      .matching("[A-Za-z_.$][A-Za-z0-9_.$()*/@:-]*", "the name of a symbol");
  fields.add("in", &AtSymbol::in, "kernel, or a started workload.").refers_to(kWorkloads, engine::kKernel);
  fields.add("hit", &AtSymbol::hit, "Which time it is reached, from 1.").between(1, 1'000'000'000);
  fields
      .add("then_steps", &AtSymbol::then_steps,
           "Instructions to go on after that, on that vCPU alone and without interrupts.")
      .between(0, 1'000'000);
  fields.rule([](AtSymbol& at, Reader&, const Node& node) { at.where = node.find("symbol")->where; });
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
  scenario::Position where = {};
};

// Elsewhere vCPUs stand still, or the sequence is about to have them run or stop itself. A pause asks the guest for much
// before it freezes it; from one that stands still it would get no answer.
bool can_stop_at(const std::string& point) {
  using namespace sandbox::phases;  // NOLINT: names of that folder
  for (const sandbox::PhaseId& phase : {kReady, kDeflate, kInit, kHealth, kFirstExec}) {
    if (point == phase.before() || point == phase.after()) return true;
  }
  return point == kInflate.after() || point == kFreeze.before();
}
void describe(Fields<AtPhase>& fields) {
  fields
      .add(
          "phase", &AtPhase::phase,
          "A failpoint of the restore sequence from restore.ready on, or of a pause right before it freezes the guest.")
      .required()
      .in_catalog(Catalog<PhaseKind>::lookup())
      .check([](const std::string& phase, Reader& reader, const Node& node) {
        if (Catalog<PhaseKind>::of().find(phase) == nullptr || can_stop_at(faults::point_named(phase))) return;
        reader.expected(node,
                        "a phase at which vCPUs run and nothing else needs them: restore.ready and later, "
                        "pause.inflate-balloon:after, or pause.freeze");
      });
  fields.rule([](AtPhase& at, Reader&, const Node& node) { at.where = node.find("phase")->where; });
}

using FreezePoint = std::variant<AtSymbol, AtRandom, AtPhase>;
void describe(Union<FreezePoint>& shapes) {
  shapes.map<AtSymbol>("symbol");
  shapes.map<AtRandom>("random");
  shapes.map<AtPhase>("phase");
}

struct Freeze {
  static constexpr bool kStopsGuest = true;
  FreezePoint at;
};
void describe(Fields<Freeze>& fields) { fields.add("at", &Freeze::at, "Where vCPUs stop.").required(); }

void follow(const Freeze& options, Course& course) {
  if (const auto* phase = std::get_if<AtPhase>(&options.at)) {
    course.goes_on();
    course.awaits(faults::point_named(phase->phase), phase->where);
    return;
  }
  course.needs({Guest::kRunning, Guest::kPaused});
  course.is_healthy();
  if (const auto* symbol = std::get_if<AtSymbol>(&options.at)) {
    course.needs_symbol(symbol->symbol, symbol->in, symbol->where);
    if (symbol->in != engine::kKernel) course.needs_workload(symbol->in);
  }
  course.becomes(Guest::kPaused);
}

constexpr Duration kLongest = std::chrono::seconds(60);  // Without a timeout of the step's own.

using Frozen = report::FreezeReport;

Async<Frozen> freeze(AtSymbol at, engine::RunContext& run) {
  engine::GuestSymbols& symbols = run.symbols();
  CO_SNAP_TRY(co_await symbols.learn_kernel(run.sandbox()));
  if (at.in != engine::kKernel) CO_SNAP_TRY(co_await symbols.learn_process(run.sandbox(), at.in));
  CO_SNAP_ASSIGN(vmm::FreezePoint point, symbols.locate(at.symbol, at.in));
  point.hit = at.hit;
  point.then_steps = at.then_steps;
  const std::uint64_t address = point.address;
  CO_SNAP_ASSIGN(const vmm::FreezeHit hit, co_await run.sandbox().freeze_at(std::move(point)));
  co_return Frozen{.at = at.symbol,
                   .in = at.in,
                   .address = address,
                   .hits = hit.hits,
                   .elsewhere = hit.elsewhere,
                   .steps = at.then_steps,
                   .vcpu = hit.vcpu,
                   .vcpus = {}};
}

Async<Frozen> freeze(AtRandom at, engine::RunContext& run) {
  CO_SNAP_TRY(co_await run.symbols().learn_kernel(run.sandbox()));
  std::mt19937_64 generator(run.plan().seed + run.result().freezes.size());  // Another moment each time.
  const Duration moment(std::uniform_int_distribution<Duration::rep>(0, at.random.within.count())(generator));
  CO_SNAP_TRY(co_await wait_for(moment));
  CO_SNAP_TRY(co_await run.sandbox().pause());
  co_return Frozen{.at = "random", .in = {}, .vcpu = {}, .vcpus = {}};
}

std::string describe_point(const FreezePoint& at) {
  if (const auto* symbol = std::get_if<AtSymbol>(&at)) {
    return fmt::format("{} of {} for the {}. time", symbol->symbol, symbol->in, symbol->hit);
  }
  if (const auto* phase = std::get_if<AtPhase>(&at)) return "phase " + phase->phase;
  return "a random moment";
}

nlohmann::json to_json(const vmm::VcpuState& vcpu, const engine::GuestSymbols& symbols) {
  constexpr std::array kGeneral = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                   "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  const auto hex = [](std::uint64_t value) { return fmt::format("{:#018x}", value); };
  nlohmann::json registers = {{"rip", hex(vcpu.rip)}, {"rflags", hex(vcpu.rflags)}};
  for (std::size_t i = 0; i < kGeneral.size(); ++i) registers[kGeneral.at(i)] = hex(vcpu.general.at(i));
  nlohmann::json stack = nlohmann::json::array();
  for (const std::uint64_t address : vcpu.return_addresses) stack.push_back(symbols.describe(address, vcpu.sees));
  return {{"place", symbols.describe(vcpu.rip, vcpu.sees)}, {"registers", registers}, {"stack", stack}};
}

void report(Frozen frozen, const std::vector<vmm::VcpuState>& vcpus, TimePoint begun, engine::RunContext& run) {
  frozen.after_ms = to_ms(SteadyClock::now() - begun);
  frozen.vcpus = nlohmann::json::array();
  for (const vmm::VcpuState& vcpu : vcpus) frozen.vcpus.push_back(to_json(vcpu, run.symbols()));
  run.report(std::move(frozen));
}

Error never_came(const FreezePoint& at, Duration limit) {
  return Error(ErrorKind::kUnfit, fmt::format("freeze: the guest did not come to {} within {}", describe_point(at),
                                              format_duration(limit)))
      .advise("give the step more `timeout`, a smaller `hit`, or the guest more to do");
}

Async<void> go_on(engine::RunContext& run) {
  if (run.sandbox().state() != sandbox::State::kPaused) return completed(Result<void>());
  return run.sandbox().resume();
}

// In the sequence that is under way, or in the next one.
Async<void> freeze_at_phase(AtPhase at, Duration limit, TimePoint begun, engine::RunContext& run) {
  CO_SNAP_TRY(run.phase_stop().arm(faults::point_named(at.phase), [&run, at, begun](const auto& vcpus) {
    report({.at = "phase " + at.phase, .in = {}, .vcpu = {}, .vcpus = {}}, vcpus, begun, run);
  }));
  CO_SNAP_TRY(co_await go_on(run));
  const bool in_this_restore = run.sandbox().state() == sandbox::State::kStarting && at.phase.starts_with("restore.");
  // What comes there may be begun by a step beside this one.
  Async<void> stop = run.steps_run_side_by_side() ? run.phase_stop().wait() : run.await_phase_stop();
  auto stopped = co_await with_deadline(limit, "freeze", std::move(stop));
  const bool late = !stopped && stopped.error().kind() == ErrorKind::kTimeout;
  const bool past = stopped.has_value() && in_this_restore && run.phase_stop().armed();
  if (!stopped || past) run.phase_stop().disarm();
  if (!late && !past) co_return stopped;
  if (late) co_return never_came(at, limit);
  co_return Error(ErrorKind::kUnfit, "freeze: the restore had come past " + at.phase + " when this step began")
      .advise("freeze at a later phase, or put this step before the `restore`");
}

Async<void> execute(const Freeze& options, std::optional<Duration> timeout, engine::RunContext& run) {
  const TimePoint begun = SteadyClock::now();
  const Duration limit = timeout.value_or(kLongest);
  if (const auto* phase = std::get_if<AtPhase>(&options.at)) {
    co_return co_await freeze_at_phase(*phase, limit, begun, run);
  }
  CO_SNAP_TRY(co_await go_on(run));
  const auto* symbol = std::get_if<AtSymbol>(&options.at);
  Async<Frozen> freezing = symbol ? freeze(*symbol, run) : freeze(std::get<AtRandom>(options.at), run);
  Result<Frozen> frozen = co_await with_deadline(limit, "freeze", std::move(freezing));
  if (!frozen && frozen.error().kind() == ErrorKind::kTimeout) co_return never_came(options.at, limit);
  if (!frozen) {
    // Only a guest knows its symbols: a name that it lacks is found out in a run, and then the run says nothing.
    const bool unknown = frozen.error().kind() == ErrorKind::kInvalid;
    co_return unknown ? std::move(frozen).error().as(ErrorKind::kUnfit).in("freeze") : std::move(frozen).error();
  }
  vmm::Vm& vm = run.sandbox().incarnation()->vm();
  CO_SNAP_ASSIGN(const std::vector<vmm::VcpuState> vcpus, co_await vm.vcpus(run.symbols().identities()));
  report(*std::move(frozen), vcpus, begun, run);
  co_return Result<void>();
}

const scenario::StepRegistration<Freeze> registration{
    "freeze",
    "Stops vCPUs at an exact place, for the next snapshot. A guest that stands still goes on first. In a phase: of the "
    "restore that is under way; before a `restore` or `snapshot`, of that one, which it does not wait for then.",
    "freeze: {at: {symbol: __alloc_pages, in: kernel, hit: 100, then_steps: 3}}"};

}  // namespace
}  // namespace snaphammer::steps
