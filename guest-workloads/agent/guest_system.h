// What an init request changes in the guest's kernel, behind an interface so that the agent can run on a host,
// where it must change nothing.
#pragma once

#include <memory>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::guest {

class GuestSystem {
 public:
  virtual ~GuestSystem() = default;

  /// Sets CLOCK_REALTIME, given since 1970; returns how far it moved.
  virtual Result<Duration> set_wall_clock(Duration since_1970) = 0;
  /// Mixes `bytes` into the kernel's random state, credits them, and reseeds its generator from it at once
  /// (random(4): RNDADDENTROPY, RNDRESEEDCRNG): clones of one snapshot draw different bytes from here on.
  virtual Result<void> add_entropy(std::string_view bytes) = 0;
  /// Writes dirty pages back and drops what the kernel can read again (proc(5), drop_caches).
  virtual Result<void> drop_page_cache() = 0;
};

/// The kernel that this process runs on. Needs CAP_SYS_TIME and CAP_SYS_ADMIN.
std::unique_ptr<GuestSystem> make_guest_system();
/// For an agent that is no guest's init: accepts and changes nothing.
std::unique_ptr<GuestSystem> make_untouched_system();

}  // namespace snaphammer::guest
