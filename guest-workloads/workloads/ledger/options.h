// The command line of ledger.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "guest-workloads/workloads/base/arguments.h"
#include "guest-workloads/workloads/base/generation.h"

namespace snaphammer::ledger {

struct Options {
  std::uint64_t port = 7070;           ///< TCP, on 127.0.0.1; 0: none.
  std::uint64_t vsock = 7070;          ///< 0: none.
  std::chrono::milliseconds work{20};  ///< From a request's entry to its answer.
  std::string repeats = "answered";    ///< Or "executed".
  std::string file;                    ///< Empty: entries are in memory only.
  std::string identity = workload::kIdentityFile;
  std::uint64_t seed = 0;
};

/// Sets `options`, which must outlive it.
workload::Arguments arguments_for(Options& options);

}  // namespace snaphammer::ledger
