// Which port the guest has its output connection from, kept with a snapshot: a restored guest still takes that connection
// for live, and only who knows its ports can end it.
//
//   note_output_port(writer.metadata(), host.connections());                     // at the pause, vCPUs stopped
//   host.refuse(*noted_output_port(snapshot.manifest.metadata), kOutputPort);    // after a restore
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/vsock/connection_info.h"

namespace snaphammer::sandbox {

/// Notes the latest of the guest's output connections; nothing when there is none.
void note_output_port(nlohmann::json& metadata, const std::vector<vsock::ConnectionInfo>& connections);
/// Nothing when none was noted, or what was is no port.
std::optional<std::uint32_t> noted_output_port(const nlohmann::json& metadata);

}  // namespace snaphammer::sandbox
