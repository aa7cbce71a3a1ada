#include "lib/vmm/qemu/preload_link.h"

#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

namespace snaphammer::vmm {

namespace fs = std::filesystem;

PreloadLink::~PreloadLink() {
  if (!name_.empty()) ::unlink(name_.c_str());
}

Result<PreloadLink> PreloadLink::make(const fs::path& library, const fs::path& directory) {
  if (::access(library.c_str(), R_OK) != 0) return errno_error("preload " + library.string());
  // Blanks and colons separate names; with a dollar begins what the linker replaces.
  if (fs::absolute(directory).string().find_first_of(" :$") != std::string::npos) {
    return Error(ErrorKind::kInvalid,
                 fmt::format("{}: a VM's directory cannot have a blank, a colon or a dollar in its path",
                             directory.string()))
        .advise("choose another one by XDG_RUNTIME_DIR: the dynamic linker has to find a library there");
  }
  for (unsigned number = 0;; ++number) {  // Several VMs may share a directory.
    PreloadLink link;
    link.name_ = fs::absolute(directory) / fmt::format("interposer-{}.so", number);
    if (::symlink(fs::absolute(library).c_str(), link.name_.c_str()) == 0) return link;
    const int why = errno;
    const std::string name = std::exchange(link.name_, {});  // Not ours to remove.
    if (why != EEXIST) return errno_error("make the link " + name, why);
  }
}

}  // namespace snaphammer::vmm
