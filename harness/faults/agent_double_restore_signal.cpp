// agent.double_restore_signal
#include "harness/engine/run_context.h"
#include "harness/faults/fault.h"

namespace snaphammer::faults {
namespace {

// The agent learns of a restore by the end of its output connection: first of the one of the snapshot, by the transport
// reset; and here, as soon as the new one has said that it is ready, of that one too.
class SignalTwice final : public FaultWith<NoArguments> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "when the agent of a restored guest has made its output connection anew";

  Async<void> begin(engine::RunContext& run) override {
    run_ = &run;
    co_return Result<void>();
  }
  Result<void> at_phase(const std::string& point) override {
    if (point != sandbox::phases::kReady.after()) return {};
    vsock::Host& host = run_->sandbox().incarnation()->vsock();
    for (const vsock::ConnectionInfo& connection : host.connections()) {
      const bool output =
          connection.initiator == vsock::Initiator::kGuest && connection.host_port == agent::kOutputPort;
      if (output && host.reset(connection.id, vsock::CloseReason::kInjected)) act();
    }
    return {};
  }

 private:
  engine::RunContext* run_ = nullptr;
};

const FaultRegistration<SignalTwice> registration{
    "agent.double_restore_signal",
    "After each restore the agent's output connection ends once more, right after it was made anew.",
    "agent.double_restore_signal",
    "one signal per restore",
    {"packet-faults"}};

}  // namespace
}  // namespace snaphammer::faults
