#include "lib/sandbox/output_port.h"

#include <limits>

#include "lib/agent/protocol.h"

namespace snaphammer::sandbox {
namespace {

constexpr char kKey[] = "output_port";

}  // namespace

void note_output_port(nlohmann::json& metadata, const std::vector<vsock::ConnectionInfo>& connections) {
  for (const vsock::ConnectionInfo& connection : connections) {
    if (connection.initiator == vsock::Initiator::kGuest && connection.host_port == agent::kOutputPort) {
      metadata[kKey] = connection.guest_port;
    }
  }
}

std::optional<std::uint32_t> noted_output_port(const nlohmann::json& metadata) {
  const auto noted = metadata.find(kKey);
  if (noted == metadata.end() || !noted->is_number_unsigned()) return std::nullopt;
  const auto port = noted->get<std::uint64_t>();
  if (port > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(port);
}

}  // namespace snaphammer::sandbox
