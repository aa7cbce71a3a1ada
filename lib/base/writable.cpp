#include "lib/base/writable.h"

#include <unistd.h>

namespace snaphammer {

namespace fs = std::filesystem;

WriteTarget write_target(const fs::path& file) {
  constexpr int kMostLinks = 40;  // As the kernel follows.
  std::error_code error;
  WriteTarget target{.path = fs::absolute(file, error)};
  // By hand, as weakly_canonical() stops at a link that leads to nothing yet.
  for (int links = 0; links < kMostLinks && fs::is_symlink(target.path, error); ++links) {
    target.path = target.path.parent_path() / fs::read_symlink(target.path, error);
  }
  target.in_place = fs::exists(target.path, error) && !fs::is_regular_file(target.path, error);
  return target;
}

Result<void> check_can_write(const fs::path& file) {
  const auto refused = [&](const std::string& why) {
    return Error(ErrorKind::kInvalid, "cannot write " + file.string() + ": " + why)
        .advise("name a file in a directory that is there and can be written");
  };
  const WriteTarget target = write_target(file);
  const fs::path directory = target.path.parent_path();
  std::error_code error;
  if (fs::is_symlink(target.path, error)) return refused("its links lead round");
  if (fs::is_directory(target.path, error)) return refused("it is a directory");
  if (!fs::is_directory(directory, error)) return refused(directory.string() + " is no directory");
  const fs::path& written = target.in_place ? target.path : directory;
  if (::access(written.c_str(), W_OK) != 0) return refused(errno_error(written.string()).message());
  return {};
}

}  // namespace snaphammer
