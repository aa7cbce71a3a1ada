#include "harness/engine/root_image.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "harness/engine/run_outcome.h"
#include "lib/base/child_process.h"

namespace snaphammer::engine {
namespace {

namespace fs = std::filesystem;

// Directories of agent.cpio's files that are not in it.
constexpr std::array kParents = {"etc", "lib", "usr", "usr/lib"};

struct Tree {
  std::string names;     ///< Relative paths, each with a NUL behind it.
  std::string identity;  ///< What all entries are, as far as it can be told without reading them.
};

Error unreadable(const fs::path& path, const std::string& why) {
  return Error(ErrorKind::kUnfit, "guest image: read " + path.string() + ": " + why)
      .advise("vm.image.root names a directory that this user can read all of");
}

Result<Tree> look_at(const fs::path& root) {
  std::error_code error;
  if (!fs::is_directory(root, error)) return unreadable(root, error ? error.message() : "it is no directory");
  std::vector<fs::path> paths;
  for (auto entry = fs::recursive_directory_iterator(root, error); !error && entry != fs::end(entry);
       entry.increment(error)) {
    paths.push_back(entry->path());
  }
  if (error) return unreadable(root, error.message());
  std::ranges::sort(paths);
  Tree tree;
  for (const fs::path& path : paths) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return unreadable(path, std::generic_category().message(errno));
    const std::string name = path.lexically_relative(root);
    if (S_ISSOCK(status.st_mode) || name == "init") continue;
    if (S_ISREG(status.st_mode) && ::access(path.c_str(), R_OK) != 0) return unreadable(path, "no permission");
    const std::string target = S_ISLNK(status.st_mode) ? fs::read_symlink(path, error).string() : "";
    tree.names += name + '\0';
    tree.identity += fmt::format("{}\n{:o} {} {} {}.{} {}\n", name, status.st_mode, status.st_size, status.st_rdev,
                                 status.st_mtim.tv_sec, status.st_mtim.tv_nsec, target);
  }
  return tree;
}

std::string name_for(const Tree& tree, const fs::path& default_image) {
  const std::string text = tree.identity + default_image.filename().string();
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

// Appends the archive of these names in `directory` to `archive`.
Async<void> append_archive(fs::path directory, std::string names, int archive, fs::path messages) {
  UniqueFd list(::memfd_create("snaphammer-names", MFD_CLOEXEC));
  const auto length = static_cast<ssize_t>(names.size());
  if (!list || ::write(list.get(), names.data(), names.size()) != length || ::lseek(list.get(), 0, SEEK_SET) != 0) {
    co_return errno_error("list the files of " + directory.string());
  }
  const UniqueFd said(::open(messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!said) co_return errno_error("create " + messages.string());
  const SpawnOptions options{.argv = {"cpio", "--quiet", "--null", "--create", "--format=newc", "--owner=+0:+0",
                                      "--directory=" + directory.string()},
                             .environment = {{"LC_ALL", "C"}},
                             .input = list.get(),
                             .output = archive,
                             .error = said.get()};
  CO_SNAP_ASSIGN(ChildProcess cpio, ChildProcess::spawn(options));
  CO_SNAP_ASSIGN(const ExitStatus status, co_await cpio.wait());
  if (status.success()) co_return Result<void>();
  co_return Error(ErrorKind::kUnfit,
                  fmt::format("cpio of {} {}: {}", directory.string(), status.describe(), last_line(messages)));
}

Result<void> append_file(const fs::path& file, int to) {
  const UniqueFd from(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return errno_error("open " + file.string()).as(ErrorKind::kUnfit);
  std::array<char, 1 << 16> buffer;
  for (ssize_t n; (n = ::read(from.get(), buffer.data(), buffer.size())) != 0;) {
    if (n < 0 || ::write(to, buffer.data(), static_cast<std::size_t>(n)) != n)
      return errno_error("copy " + file.string());
  }
  return {};
}

// In `building`, a directory of our own.
Async<void> build(fs::path root, std::string names, fs::path default_image, fs::path building) {
  const UniqueFd archive(::open((building / "initramfs").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!archive) co_return errno_error("create " + (building / "initramfs").string());
  const fs::path messages = building / "messages";
  CO_SNAP_TRY(co_await append_archive(root, std::move(names), archive.get(), messages));

  std::string lacking;
  std::error_code error;
  for (const fs::path parent : kParents) {
    if (fs::exists(fs::symlink_status(root / parent, error))) continue;
    fs::create_directories(building / "parents" / parent, error);
    lacking += parent.string() + '\0';
  }
  if (!lacking.empty()) {
    CO_SNAP_TRY(co_await append_archive(building / "parents", std::move(lacking), archive.get(), messages));
  }
  CO_SNAP_TRY(append_file(default_image / "agent.cpio", archive.get()));
  fs::remove_all(building / "parents", error);
  fs::remove(messages, error);
  if (::fsync(archive.get()) != 0) co_return errno_error("write " + (building / "initramfs").string());
  co_return Result<void>();
}

}  // namespace

Async<fs::path> root_image(fs::path root, fs::path default_image, fs::path cache) {
  CO_SNAP_ASSIGN(Tree tree, look_at(root));
  const fs::path image = cache / name_for(tree, default_image);
  std::error_code error;
  if (fs::exists(image / "initramfs", error)) co_return image / "initramfs";
  const fs::path building = image.string() + fmt::format(".{}", ::getpid());
  fs::remove_all(building, error);
  fs::create_directories(building, error);
  if (error) co_return errno_error("create " + building.string(), error.value());
  Result<void> built = co_await build(root, std::move(tree.names), default_image, building);
  if (built) fs::rename(building, image, error);
  fs::remove_all(building, error);  // It failed, or another process was faster.
  if (!built) co_return built.error().in("guest image: pack " + root.string());
  if (!fs::exists(image / "initramfs", error)) co_return Error(ErrorKind::kIo, "there is no " + image.string());
  co_return image / "initramfs";
}

}  // namespace snaphammer::engine
