#include "guest-workloads/agent/init_duties.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace snaphammer::guest {
namespace {

struct FileSystem {
  const char* type;
  const char* where;
  const char* options;
};
constexpr FileSystem kFileSystems[] = {
    {"proc", "/proc", nullptr},     {"sysfs", "/sys", nullptr},
    {"devtmpfs", "/dev", nullptr},  {"devpts", "/dev/pts", "mode=620,ptmxmode=666"},
    {"tmpfs", "/run", "mode=0755"}, {"tmpfs", "/tmp", "mode=1777"},
};

struct Link {
  const char* target;
  const char* where;
};
constexpr Link kLinks[] = {{"/proc/self/fd", "/dev/fd"},
                           {"/proc/self/fd/0", "/dev/stdin"},
                           {"/proc/self/fd/1", "/dev/stdout"},
                           {"/proc/self/fd/2", "/dev/stderr"}};

}  // namespace

Result<void> mount_file_systems() {
  for (const FileSystem& fs : kFileSystems) {
    if (::mkdir(fs.where, 0755) != 0 && errno != EEXIST) {
      return errno_error(std::string("create ") + fs.where);
    }
    if (::mount(fs.type, fs.where, fs.type, MS_NOSUID, fs.options) != 0 && errno != EBUSY) {
      return errno_error(std::string("mount ") + fs.type + " on " + fs.where);
    }
  }
  for (const Link& link : kLinks) {
    if (::symlink(link.target, link.where) != 0 && errno != EEXIST) {
      return errno_error(std::string("create ") + link.where);
    }
  }
  return {};
}

Result<void> open_console() {
  // An initramfs without a console node leaves init with no standard streams at all.
  UniqueFd console(::open("/dev/console", O_RDWR | O_NOCTTY));
  if (!console) return errno_error("open /dev/console");
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (console.get() == stream) {
      console.release();
      console = UniqueFd(::dup(stream));
    } else if (::dup2(console.get(), stream) < 0) {
      return errno_error("make /dev/console a standard stream");
    }
  }
  return {};
}

Result<void> set_up_environment() {
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/snaphammer/bin", 1);
  ::setenv("HOME", "/root", 1);

  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);

  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error("create a socket for the loopback device");
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) != 0) {
    return errno_error("start the loopback device");
  }
  return {};
}

void power_off(const std::string& why) {
  const std::string line = "snaphammer-agent: fatal: " + why + "; powering off\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  // The console may be slow: without this the line can be cut.
  ::fsync(STDERR_FILENO);
  ::ioctl(STDERR_FILENO, TCSBRK, 1);
  ::sync();
  ::reboot(RB_POWER_OFF);
  // A machine that cannot power off panics when its init ends, which the host sees as well.
  ::_exit(1);
}

}  // namespace snaphammer::guest
