// A step of a scenario: what it is called, what can be said about it, and how it is carried out. step_registration.h makes
// one of a struct of options and a function.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/catalog.h"
#include "harness/scenario/fields.h"
#include "lib/base/async.h"

namespace snaphammer::engine {
class RunContext;
}

namespace snaphammer::scenario {

class Course;

enum class OnError {
  kFail,      ///< The run ends.
  kContinue,  ///< The error is noted, the next step runs.
};
void describe(Choices<OnError>& words);

/// What every step takes, among its own keys or beside its name.
struct StepControl {
  std::optional<Duration> timeout;  ///< For the whole step; without it the step's own or the run's deadline holds.
  OnError on_error = OnError::kFail;
};
void describe(Fields<StepControl>& fields);

class Step {
 public:
  virtual ~Step() = default;
  /// Its name in scenarios: "restore".
  virtual std::string_view name() const = 0;
  /// The finding that it is when `timeout` passes.
  virtual std::string_view overdue() const = 0;
  /// Whether run() observes `timeout` itself.
  virtual bool keeps_deadline() const = 0;
  /// Whether run() begins with the end of the present guest.
  virtual bool ends_guest() const = 0;
  /// Whether run() stops the guest, or leaves it to a later step to let it go on.
  virtual bool stops_guest() const = 0;
  /// What run() is expected to take.
  virtual Duration foreseen() const = 0;
  /// Tells what it needs and what it leaves behind; see course.h.
  virtual void follow(Course& course) const = 0;
  /// Carries it out; the step outlives the operation. Deadline and on_error are the caller's to apply.
  virtual Async<void> run(engine::RunContext& context) const = 0;
  /// Its options in canonical form, defaults included.
  virtual nlohmann::json options() const = 0;

  StepControl control;
  Position where;
};

/// Steps are immutable once read, and shared by the runs of a plan.
using StepList = std::vector<std::shared_ptr<const Step>>;

struct StepKind {
  static constexpr std::string_view kNoun = "step";
  std::string name;
  std::string summary;
  std::string example;  ///< In YAML, without the dash.
  bool available;       ///< This build can carry it out.
  /// Its options, of which every one is optional when `node` is null. Null after an error.
  std::unique_ptr<Step> (*read)(Reader& reader, const Node& node);
  TypeInfo (*info)();
};

/// What an operation on a guest takes under emulation, where nothing better is known.
inline constexpr Duration kUsualStep = std::chrono::milliseconds(300);

/// What they are expected to take, one after the other: a guess for whoever plans or waits, not a bound.
Duration expected_time(const StepList& steps);

template <>
struct Codec<StepList> {
  static bool read(Reader& reader, const Node& node, StepList& steps);
  static nlohmann::json write(const StepList& steps);
  static TypeInfo info();
};

/// The schema of one step of any kind; Codec<StepList>::info() refers to it as #/$defs/step.
nlohmann::json step_schema();

}  // namespace snaphammer::scenario
