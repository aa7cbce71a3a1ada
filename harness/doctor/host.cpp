#include <array>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/doctor/check.h"
#include "lib/base/child_process.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::doctor {
namespace {

namespace fs = std::filesystem;

UniqueFd userfaultfd(int flags) { return UniqueFd(static_cast<int>(::syscall(SYS_userfaultfd, flags | O_CLOEXEC))); }

Result<void> try_userfaultfd(UffdWay way) {
  switch (way) {
    case UffdWay::kSyscall:
      if (!userfaultfd(0)) return errno_error("userfaultfd(2)");
      return {};
    case UffdWay::kDevice: {
      const UniqueFd device(::open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
      if (!device) return errno_error("open /dev/userfaultfd");
      const UniqueFd fd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC));
      if (!fd) return errno_error("get a userfaultfd from /dev/userfaultfd");
      return {};
    }
    case UffdWay::kUserMode:
      if (!userfaultfd(UFFD_USER_MODE_ONLY)) return errno_error("userfaultfd(2) for user mode only");
      return {};
  }
  return {};
}

Result<void> try_memfd() {
  const UniqueFd fd(::memfd_create("snaphammer-doctor", MFD_CLOEXEC));
  if (!fd) return errno_error("memfd_create(2)");
  return {};
}

// The output of a program that says a few lines and ends.
Result<std::string> run_for_output(const std::vector<std::string>& argv) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("make a pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  SNAP_ASSIGN(const UniqueFd null, [] {
    UniqueFd fd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    return fd ? Result<UniqueFd>(std::move(fd)) : Result<UniqueFd>(errno_error("open /dev/null"));
  }());
  SNAP_ASSIGN(ChildProcess child, ChildProcess::spawn({.argv = argv, .output = writer.get(), .error = null.get()}));
  writer.reset();
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(reader.get(), buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  asio::io_context context;
  std::optional<Result<ExitStatus>> status;
  asio::co_spawn(context, child.wait(), [&](std::exception_ptr failure, Result<ExitStatus> value) {
    if (failure) std::rethrow_exception(failure);
    status = std::move(value);
  });
  context.run();
  SNAP_ASSIGN(const ExitStatus ended, *std::move(status));
  if (!ended.success()) return Error(ErrorKind::kIo, argv.front() + " " + ended.describe());
  return text;
}

Result<ByteCount> space_left_in(const fs::path& directory) {
  // The nearest one above it that exists: this is where it would be made.
  fs::path existing = fs::absolute(directory);
  std::error_code ignored;
  while (!fs::exists(existing, ignored) && existing.has_relative_path()) existing = existing.parent_path();
  struct statvfs status {};
  if (::statvfs(existing.c_str(), &status) != 0) return errno_error("look at the file system of " + existing.string());
  if (::access(existing.c_str(), W_OK) != 0) return errno_error("write in " + existing.string());
  return ByteCount{status.f_bavail} * status.f_frsize;
}

std::pair<std::uint64_t, std::uint64_t> limit_of_open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return {limit.rlim_cur, limit.rlim_max};
}

}  // namespace

Host Host::real(engine::Installation installation, engine::Caches caches, fs::path runtime, fs::path out) {
  Host host;
  host.environment = engine::Environment::of_this_process();
  host.installation = std::move(installation);
  host.caches = std::move(caches);
  host.runtime = std::move(runtime);
  host.out = std::move(out);
  host.output_of = run_for_output;
  host.open_userfaultfd = try_userfaultfd;
  host.open_memfd = try_memfd;
  host.free_space = space_left_in;
  host.open_files_limit = limit_of_open_files;
  host.probe_accel = [] { return vmm::choose_accel(vmm::Accel::kAuto); };
  return host;
}

}  // namespace snaphammer::doctor
