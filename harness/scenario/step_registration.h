// How a step enters the format: one step is one file in harness/steps/, for instance run_for.cpp:
//
//   namespace snaphammer::steps {
//   namespace {
//   struct RunFor { Duration duration{}; };                             // its options, with defaults
//   void describe(Fields<RunFor>& fields) { ... }                       // its keys
//   Async<void> execute(const RunFor& options, engine::RunContext&);    // what it does
//   const StepRegistration<RunFor> registration{"run_for", "Lets the guest run.", "run_for: 2s"};
//   }}
//
// That line makes it parse, with errors, defaults, schema, `describe` and matrix paths. A step whose file has no
// execute() is part of the format and refused as not available in this build. A step that does not end within its
// `timeout` is the finding `hang`, or what Options::kOverdue says; one whose execute() takes the timeout as its second
// argument, a std::optional<Duration>, judges that by itself. One that ends the guest has Options::kEndsGuest: what hung
// is looked at before, outside of its `timeout`, and what hangs in it before the `timeout` ends it; one that stops it has
// Options::kStopsGuest. Before both, workloads are heard that have something to say. A function
// `Duration expected_time(const Options&)` beside execute() says what a step takes that takes as long as its options say,
// and `void follow(const Options&, Course&)` what it needs to work at all: see course.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "harness/scenario/course.h"
#include "harness/scenario/step.h"

namespace snaphammer::scenario {

template <class Options>
concept KeepsDeadline = requires(const Options& options, std::optional<Duration> timeout, engine::RunContext& context) {
  { execute(options, timeout, context) } -> std::same_as<Async<void>>;
};

template <class Options>
concept Executable = KeepsDeadline<Options> || requires(const Options& options, engine::RunContext& context) {
  { execute(options, context) } -> std::same_as<Async<void>>;
};

/// Calls the step's follow(), if it has one. Outside of any class that has a member of that name.
template <class Options>
void follow_if_told(const Options& options, Course& course) {
  if constexpr (requires { follow(options, course); }) follow(options, course);
}

/// Options and control as one map of keys.
template <class Options>
struct StepKeys {
  Options options{};
  StepControl control;
};
template <class Options>
void describe(Fields<StepKeys<Options>>& fields) {
  fields.embed(&StepKeys<Options>::options);
  fields.embed(&StepKeys<Options>::control);
}

template <class Options>
class StepRegistration {
 public:
  StepRegistration(std::string name, std::string summary, std::string example) {
    kind_name() = name;
    Catalog<StepKind>::of().add(
        {std::move(name), std::move(summary), std::move(example), Executable<Options>, &read, &info});
  }

 private:
  class StepWith final : public Step {
   public:
    std::string_view name() const override { return kind_name(); }
    std::string_view overdue() const override {
      if constexpr (requires { Options::kOverdue; }) {
        return Options::kOverdue;
      } else {
        return "hang";
      }
    }
    bool keeps_deadline() const override { return KeepsDeadline<Options>; }
    bool ends_guest() const override {
      return requires { Options::kEndsGuest; };
    }
    bool stops_guest() const override {
      return requires { Options::kStopsGuest; };
    }
    Duration foreseen() const override {
      if constexpr (requires { expected_time(keys.options); }) {
        return expected_time(keys.options);
      } else {
        return kUsualStep;
      }
    }
    void follow(Course& course) const override { follow_if_told(keys.options, course); }
    Async<void> run(engine::RunContext& context) const override {
      if constexpr (KeepsDeadline<Options>) {
        return execute(keys.options, control.timeout, context);
      } else if constexpr (Executable<Options>) {
        return execute(keys.options, context);
      } else {
        return unavailable(kind_name(), context);
      }
    }
    nlohmann::json options() const override {
      StepKeys<Options> all = keys;
      all.control = control;
      return Codec<StepKeys<Options>>::write(all);
    }
    StepKeys<Options> keys;
  };

  static Async<void> unavailable(std::string name, engine::RunContext&) {
    co_return Error(ErrorKind::kUnfit, "step '" + name + "' is not available in this build");
  }
  static std::unique_ptr<Step> read(Reader& reader, const Node& node) {
    auto step = std::make_unique<StepWith>();
    step->where = node.where;
    if (!Codec<StepKeys<Options>>::read(reader, node, step->keys)) return nullptr;
    step->control = step->keys.control;
    return step;
  }
  static TypeInfo info() { return Codec<StepKeys<Options>>::info(); }

  // Inside a function, because registrations run before main(), in no order known to a static member.
  static std::string& kind_name() {
    static std::string name;
    return name;
  }
};

}  // namespace snaphammer::scenario
