// A name by which the dynamic linker can preload a library, wherever the library is.
//
//   SNAP_ASSIGN(PreloadLink link, PreloadLink::make(library, directory));
//   environment["LD_PRELOAD"] = link.name();
//
// LD_PRELOAD separates names by blanks and colons (ld.so(8)), which the library's own path may hold. A descriptor's name
// (/proc/self/fd/N) would do for the process itself, but a debugger takes it for its own descriptor N.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "lib/base/result.h"

namespace snaphammer::vmm {

/// A symbolic link, removed with this.
class PreloadLink {
 public:
  PreloadLink() = default;
  PreloadLink(PreloadLink&& other) noexcept : name_(std::exchange(other.name_, {})) {}
  PreloadLink& operator=(PreloadLink&& other) noexcept {
    std::swap(name_, other.name_);
    return *this;
  }
  ~PreloadLink();

  /// kInvalid when `directory` has a character that cannot be in such a name.
  static Result<PreloadLink> make(const std::filesystem::path& library, const std::filesystem::path& directory);

  const std::string& name() const { return name_; }

 private:
  std::string name_;  ///< Absolute; empty when there is no link.
};

}  // namespace snaphammer::vmm
