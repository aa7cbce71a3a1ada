// What QEMU's monitor command `info registers -a` prints of an x86-64 machine (target/i386/cpu-dump.c).
//
//   for (const VcpuGlance& vcpu : read_registers(text)) ...
#pragma once

#include <string_view>
#include <vector>

#include "lib/vmm/vcpu_glance.h"

namespace snaphammer::vmm {

/// The vCPUs in `text`, in its order; what is not of this form is left out.
std::vector<VcpuGlance> read_registers(std::string_view text);

}  // namespace snaphammer::vmm
