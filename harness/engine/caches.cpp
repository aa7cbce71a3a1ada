#include "harness/engine/caches.h"

#include <string>

namespace snaphammer::engine {

Caches Caches::of(const Environment& environment) {
  if (const std::string xdg = environment.get("XDG_CACHE_HOME"); !xdg.empty()) {
    return {std::filesystem::path(xdg) / "snaphammer"};
  }
  const std::string home = environment.get("HOME");
  return {std::filesystem::path(home.empty() ? "/tmp" : home) / ".cache" / "snaphammer"};
}

}  // namespace snaphammer::engine
