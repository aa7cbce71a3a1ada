#include "lib/base/writable.h"

#include <unistd.h>

namespace snaphammer {

namespace fs = std::filesystem;

Result<void> check_can_write(const fs::path& file) {
  const auto refused = [&](const std::string& why) {
    return Error(ErrorKind::kInvalid, "cannot write " + file.string() + ": " + why)
        .advise("name a file in a directory that is there and can be written");
  };
  std::error_code error;
  fs::path named = fs::absolute(file);
  // Also one that leads to nothing yet, at which weakly_canonical() would stop.
  if (fs::is_symlink(named, error)) named = named.parent_path() / fs::read_symlink(named, error);
  const fs::path target = fs::weakly_canonical(named, error);
  if (error) return refused(error.message());
  if (fs::is_directory(target, error)) return refused("it is a directory");
  // A regular file is replaced by a new one beside it; a device or a FIFO is written to.
  const bool in_place = fs::exists(target, error) && !fs::is_regular_file(target, error);
  if (!fs::is_directory(target.parent_path(), error))
    return refused(target.parent_path().string() + " is no directory");
  const fs::path written = in_place ? target : target.parent_path();
  if (::access(written.c_str(), W_OK) != 0) return refused(errno_error(written.string()).message());
  return {};
}

}  // namespace snaphammer
