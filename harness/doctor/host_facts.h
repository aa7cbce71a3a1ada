// What a campaign's results say of the host that they come from.
//
//   settings.host = facts_of(Host::real(installation, caches, runtime_base, out));
//
//   {"kernel": "6.18.5", "architecture": "x86_64", "cpu": "AMD EPYC 7R13", "cpus": 2, "memory_bytes": 25000000000,
//    "qemu": "7.2.22"}
//
// What the host does not tell (a program that is missing, a CPU without a name) is not there. Takes milliseconds, on the
// caller's thread.
#pragma once

#include <nlohmann/json.hpp>

#include "harness/doctor/check.h"

namespace snaphammer::doctor {

nlohmann::json facts_of(const Host& host);

}  // namespace snaphammer::doctor
