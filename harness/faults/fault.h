// A fault does something to the world on purpose. One fault is one file, its options a struct:
//
//   struct VmmStop {};                                                     // the arguments, with defaults
//   void describe(Fields<VmmStop>&) {}
//   class Stop final : public FaultWith<VmmStop> {
//     using FaultWith::FaultWith;
//     Async<void> begin(engine::RunContext& run) override;                 // acts; acts().note() when it did
//     Async<void> heal(engine::RunContext& run) override;                  // undoes it
//   };
//   const FaultRegistration<Stop> registration{"vmm.stop", "The VMM process stands still.", "vmm.stop", "..."};
//
// That line makes it parse, with errors, defaults, schema, `list` and `describe`. One io_context thread, but for Acts.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/scenario/kinds.h"
#include "lib/base/async.h"

namespace snaphammer::engine {
class RunContext;
}

namespace snaphammer::faults {

using scenario::Choices;
using scenario::Course;
using scenario::Fields;

/// How often a fault acted, and when first. Any thread.
class Acts {
 public:
  void note() {
    std::uint64_t none = 0;
    const auto now = static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count());
    first_.compare_exchange_strong(none, now);
    count_.fetch_add(1);
  }
  std::uint64_t count() const { return count_.load(); }
  std::optional<TimePoint> first() const {
    if (count() == 0) return std::nullopt;
    return TimePoint(Duration(static_cast<Duration::rep>(first_.load())));
  }

 private:
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<std::uint64_t> first_ = 0;  // 0 until it has acted.
};

class Fault {
 public:
  virtual ~Fault() = default;

  /// Starts to act, once. An error: it cannot, and the step (or the phase at which it was to act) fails.
  virtual Async<void> begin(engine::RunContext& run) = 0;
  /// Undoes what can be undone, once, after begin(); at the latest when the run ends. Cancelled when it takes too long.
  virtual Async<void> heal(engine::RunContext&) { return completed(Result<void>()); }
  /// Between the two: another VMM was started and its vsock door is open. A fault that acts on those acts on this one too.
  virtual void attach(engine::RunContext&) {}
  /// Between the two: a sequence has come to a point of a phase. An error aborts it.
  virtual Result<void> at_phase(const std::string&) { return {}; }

  const Acts& acts() const { return *acts_; }

 protected:
  /// For whoever acts on this fault's behalf, perhaps later than it is healed, on any thread.
  const std::shared_ptr<Acts>& shared_acts() const { return acts_; }
  void act() { acts_->note(); }

 private:
  std::shared_ptr<Acts> acts_ = std::make_shared<Acts>();
};

template <class Arguments>
class FaultWith : public Fault {
 public:
  using Args = Arguments;
  explicit FaultWith(Arguments args) : args_(std::move(args)) {}

 protected:
  const Arguments& args() const { return args_; }

 private:
  Arguments args_;
};

/// Of a fault that takes none.
struct NoArguments {};
inline void describe(Fields<NoArguments>&) {}

using MakeFault = std::function<std::unique_ptr<Fault>(const nlohmann::json& args)>;

/// By name; `args` is what the scenario's reader has checked.
std::map<std::string, MakeFault>& fault_makers();

/// FaultKind::place: a fault that acts in a sequence only has `static constexpr auto kPlace = "phase"` in its arguments.
template <class Args>
std::string place_of() {
  if constexpr (requires { Args::kPlace; }) {
    return Args::kPlace;
  } else {
    return {};
  }
}

/// FaultKind::follow: a fault that needs something when it acts at once has
/// `static void follow(const Args&, scenario::Course&)`.
template <class F>
scenario::FollowFault follow_of() {
  if constexpr (requires(const typename F::Args& args, Course& course) { F::follow(args, course); }) {
    return [](const nlohmann::json& args, Course& course) {
      F::follow(scenario::args_from<typename F::Args>(args), course);
    };
  } else {
    return {};
  }
}

/// FaultKind::acts_when: a fault that may begin and never act, for want of an occasion, has
/// `static constexpr auto kActsWhen = "when a page fault is served"`.
template <class F>
std::string acts_when_of() {
  if constexpr (requires { F::kActsWhen; }) {
    return F::kActsWhen;
  } else {
    return {};
  }
}

template <class F>
struct FaultRegistration {
  FaultRegistration(const std::string& name, std::string summary, std::string example, std::string undo,
                    std::vector<std::string> needs = {}) {
    scenario::Catalog<scenario::FaultKind>::of().add(
        {name, std::move(summary), "inject: {fault: " + std::move(example) + "}", scenario::args_of<typename F::Args>(),
         std::move(undo), std::move(needs), place_of<typename F::Args>(), follow_of<F>(), acts_when_of<F>()});
    fault_makers()[name] = [](const nlohmann::json& args) -> std::unique_ptr<Fault> {
      return std::make_unique<F>(scenario::args_from<typename F::Args>(args));
    };
  }
};

}  // namespace snaphammer::faults
