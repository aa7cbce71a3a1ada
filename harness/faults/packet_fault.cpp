#include "harness/faults/packet_fault.h"

#include <utility>

#include "harness/engine/run_context.h"

namespace snaphammer::faults {
namespace {

class Filter final : public vsock::PacketFilter {
 public:
  Filter(PacketChoice choice, vsock::Verdict verdict, std::shared_ptr<Acts> acts)
      : choice_(std::move(choice)), verdict_(verdict), acts_(std::move(acts)) {}

  vsock::Verdict decide(const vsock::PacketContext& context) override {
    const bool used_up = choice_.count && acts_->count() >= *choice_.count;
    if (used_up || !choice_.includes(context)) return vsock::Verdict::pass();
    acts_->note();
    return verdict_;
  }

 private:
  PacketChoice choice_;
  vsock::Verdict verdict_;
  std::shared_ptr<Acts> acts_;
};

}  // namespace

void describe(Choices<Towards>& words) {
  words.add(Towards::kBoth, "both", "packets in both directions");
  words.add(Towards::kGuest, "guest", "packets on their way to the guest");
  words.add(Towards::kHost, "host", "packets on their way to the host");
}
void describe(Choices<PacketsChosen>& words) {
  words.add(PacketsChosen::kData, "data", "packets with bytes of a stream");
  words.add(PacketsChosen::kAll, "all", "also those that open, end and control connections");
}

bool PacketChoice::includes(const vsock::PacketContext& context) const {
  if (packets == PacketsChosen::kData && context.packet.header.op != vsock::Op::kRw) return false;
  if (towards == Towards::kGuest && context.direction != vsock::Direction::kToGuest) return false;
  if (towards == Towards::kHost && context.direction != vsock::Direction::kFromGuest) return false;
  if (port && context.guest_port != *port && context.host_port != *port) return false;
  return context.ordinal >= after;
}

void describe(Fields<PacketChoice>& fields) {
  fields.add("port", &PacketChoice::port, "Only connections with this vsock port on either side.").between(1, 65535);
  fields.add("towards", &PacketChoice::towards, "Which direction.");
  fields.add("packets", &PacketChoice::packets, "Which packets.");
  fields.add("after", &PacketChoice::after, "How many packets of a connection and direction pass first.");
  fields.add("count", &PacketChoice::count, "Of how many packets in all; otherwise as long as it is injected.")
      .between(1, 1'000'000'000);
}

PacketFault::PacketFault(PacketChoice choice, vsock::Verdict verdict)
    : filter_(std::make_shared<Filter>(std::move(choice), verdict, shared_acts())) {}

Async<void> PacketFault::begin(engine::RunContext& run) {
  attach(run);
  co_return Result<void>();
}

void PacketFault::attach(engine::RunContext& run) {
  sandbox::Incarnation* const guest = run.sandbox().incarnation();
  if (guest != nullptr && guest->has_door()) guest->vsock().add_filter(filter_);
}

Async<void> PacketFault::heal(engine::RunContext& run) {
  sandbox::Incarnation* const guest = run.sandbox().incarnation();
  if (guest != nullptr && guest->has_door()) guest->vsock().remove_filter(*filter_);
  co_return Result<void>();
}

}  // namespace snaphammer::faults
