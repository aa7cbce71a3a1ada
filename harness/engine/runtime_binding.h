// Where the names of a scenario meet the runtime: its settings as the configuration of a sandbox. The one function
// that knows both sides of every knob.
#pragma once

#include <filesystem>

#include "harness/engine/guest_files.h"
#include "harness/scenario/scenario.h"
#include "lib/sandbox/sandbox.h"
#include "lib/snapshot/options.h"

namespace snaphammer::engine {

/// The machine that a scenario asks for. kUnfit or kInvalid for what this build cannot do, naming it.
Result<vmm::VmConfig> vm_config(const scenario::VmSettings& settings, GuestFiles boot);

/// The runtime's behaviour under the scenario's knobs; kUnfit for a value that this build does not have.
Result<sandbox::SandboxConfig> sandbox_config(const scenario::RuntimeKnobs& knobs, vmm::VmConfig vm);

/// The store's behaviour under the scenario's knobs.
snapshot::StoreOptions store_options(const scenario::SnapshotKnobs& knobs);

}  // namespace snaphammer::engine
