// vsock.half_open: one side of a connection is gone and the other is not told.
#include "harness/faults/packet_fault.h"
#include "harness/faults/present_guest.h"

namespace snaphammer::faults {
namespace {

struct HalfOpen {
  std::optional<unsigned> port;
};
void describe(Fields<HalfOpen>& fields) {
  fields.add("port", &HalfOpen::port, "Only connections with this vsock port on either side.").between(1, 65535);
}

// Connections that were open when it began hear nothing any more, neither data nor that they ended; then the host lets
// go of them.
class LeaveHalfOpen final : public FaultWith<HalfOpen> {
 public:
  using FaultWith::FaultWith;
  static constexpr auto kActsWhen = "on connections that are open when it begins";
  static void follow(const HalfOpen&, Course& course) { needs_guest(course); }

  Async<void> begin(engine::RunContext& run) override {
    CO_SNAP_ASSIGN(sandbox::Incarnation* const guest, guest_with_door(run));
    std::vector<std::uint64_t> chosen;
    auto silence = std::make_shared<Silence>();
    for (const vsock::ConnectionInfo& connection : guest->vsock().connections()) {
      if (args().port && connection.guest_port != *args().port && connection.host_port != *args().port) continue;
      chosen.push_back(connection.id);
      silence->ports.emplace_back(connection.guest_port, connection.host_port);
    }
    filter_ = silence;
    guest->vsock().add_filter(silence);
    for (const std::uint64_t id : chosen) {
      if (guest->vsock().reset(id, vsock::CloseReason::kInjected)) act();
    }
    co_return Result<void>();
  }

  Async<void> heal(engine::RunContext& run) override {
    sandbox::Incarnation* const guest = run.sandbox().incarnation();
    if (filter_ && guest != nullptr && guest->has_door()) guest->vsock().remove_filter(*filter_);
    co_return Result<void>();
  }

 private:
  struct Silence final : vsock::PacketFilter {
    vsock::Verdict decide(const vsock::PacketContext& context) override {
      for (const auto& [guest_port, host_port] : ports) {
        if (context.guest_port == guest_port && context.host_port == host_port) return vsock::Verdict::drop();
      }
      return vsock::Verdict::pass();
    }
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ports;
  };
  std::shared_ptr<Silence> filter_;
};

const FaultRegistration<LeaveHalfOpen> registration{
    "vsock.half_open",
    "The host drops connections without telling the guest, which keeps them half open.",
    "vsock.half_open, args: {port: 1024}",
    "the guest hears of their end when it next sends",
    {"packet-faults"}};

}  // namespace
}  // namespace snaphammer::faults
