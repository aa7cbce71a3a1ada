// GuestSources: what goes wrong with the snapshots from which the guests of a run get their memory, guest by guest.
//
//   GuestSources sources(seed);
//   sandbox::SandboxConfig config = sources.applied_to(config, "clone-1");
//   sources.of("clone-1").set_delay(...);          // of this guest alone
//   sources.of(GuestSources::kAll).set_delay(...); // of every guest that got its configuration here
//
// One io_context thread; what of() returns may be used on any.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "lib/sandbox/sandbox_config.h"
#include "lib/uffd/source_faults.h"

namespace snaphammer::engine {

class GuestSources {
 public:
  static constexpr char kAll[] = "all";
  static constexpr char kOwn[] = "guest";  ///< The run's own guest; others are clones, "clone-1" and so on.

  explicit GuestSources(std::uint64_t seed) : seed_(seed) {}

  uffd::SourceFaults& of(const std::string& guest) { return *shared(guest); }
  /// `config` for a guest of that name.
  sandbox::SandboxConfig applied_to(sandbox::SandboxConfig config, const std::string& guest) {
    config.source_faults = {shared(kAll), shared(guest)};
    return config;
  }

 private:
  const std::shared_ptr<uffd::SourceFaults>& shared(const std::string& guest) {
    std::shared_ptr<uffd::SourceFaults>& faults = by_guest_[guest];
    if (faults == nullptr) faults = std::make_shared<uffd::SourceFaults>(seed_);
    return faults;
  }

  std::uint64_t seed_;
  std::map<std::string, std::shared_ptr<uffd::SourceFaults>> by_guest_;
};

}  // namespace snaphammer::engine
