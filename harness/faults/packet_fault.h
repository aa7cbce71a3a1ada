// What the faults on vsock have in common: which packets they act on, and that they follow the guest from VMM to VMM.
#pragma once

#include <memory>
#include <optional>

#include "harness/faults/fault.h"
#include "lib/vsock/packet_filter.h"

namespace snaphammer::faults {

enum class Towards { kBoth, kGuest, kHost };
void describe(Choices<Towards>& words);

enum class PacketsChosen { kData, kAll };
void describe(Choices<PacketsChosen>& words);

/// Which packets a fault acts on; the arguments of every vsock fault.
struct PacketChoice {
  std::optional<unsigned> port;  ///< On either side.
  Towards towards = Towards::kBoth;
  PacketsChosen packets = PacketsChosen::kData;
  std::uint64_t after = 0;             ///< Packets of a connection and direction that pass first.
  std::optional<std::uint64_t> count;  ///< Packets in all; nothing: as long as it is injected.

  bool includes(const vsock::PacketContext& context) const;
};
void describe(Fields<PacketChoice>& fields);

class PacketFault : public Fault {
 public:
  static constexpr auto kActsWhen = "when a packet passes that its arguments choose";
  Async<void> begin(engine::RunContext& run) override;
  Async<void> heal(engine::RunContext& run) override;
  void attach(engine::RunContext& run) override;

 protected:
  PacketFault(PacketChoice choice, vsock::Verdict verdict);

 private:
  std::shared_ptr<vsock::PacketFilter> filter_;
};

}  // namespace snaphammer::faults
