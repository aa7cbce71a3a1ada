// What QEMU sees of the interposer: its own mmap, mmap64 and ioctl in front of libc's, and a constructor
// that decides whether they do anything. Without kSocketVariable in the environment they only pass on.
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <optional>

#include <dlfcn.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/interposer/abi.h"
#include "lib/interposer/commands.h"
#include "lib/interposer/configuration.h"
#include "lib/interposer/fatal.h"
#include "lib/interposer/ram.h"
#include "lib/interposer/thread.h"
#include "lib/interposer/vsock_device.h"

#define SNAPHAMMER_EXPORT extern "C" __attribute__((visibility("default")))

namespace snaphammer::interposer {
namespace {

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileId&) const = default;
};

std::optional<FileId> identify(int fd) {
  struct stat status = {};
  if (::fstat(fd, &status) < 0) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

// Everything that lives as long as QEMU. It is never destroyed: exit() must not wait for a thread that
// waits for a page server, so the threads end with the process.
class Interposer {
 public:
  explicit Interposer(Session session) : session_(std::move(session)), ram_(session_.config) {
    if (session_.config.vhost_fd >= 0) {
      vhost_file_ = identify(session_.config.vhost_fd);
      // QEMU closes the vhost descriptor at its end, which may be the packet socket itself.
      packets_ = OwnedFd::duplicate_of(session_.config.packet_fd);
      if (!packets_) fatal("no descriptor for the packet socket: %s", system_error());
      vsock_.emplace(packets_.get());
    }
    commands_.start("snap-commands", [this] { serve_commands(session_.socket.get(), ram_); });
  }

  /// The device behind an ioctl, or null for all that is not ours.
  VsockDevice* device_for(int fd, std::uint32_t request) {
    // By type first: the vCPU threads' ioctls on KVM pay one comparison.
    if (_IOC_TYPE(request) != VHOST_VIRTIO || !vsock_) return nullptr;
    return identify(fd) == vhost_file_ ? &*vsock_ : nullptr;
  }

  void mapped(void* address, std::size_t length, int flags, int fd, off_t offset) {
    struct stat status = {};
    if (::fstat(fd, &status) < 0 || !ram_.is_file(status)) return;
    if ((flags & MAP_SHARED) == 0) fatal("RAM is mapped privately: its memory backend needs share=on");
    struct statfs filesystem = {};
    if (::fstatfs(fd, &filesystem) < 0) fatal("the RAM file's page size: %s", system_error());
    const auto page_size =
        static_cast<std::uint64_t>(filesystem.f_type == HUGETLBFS_MAGIC ? filesystem.f_bsize : ::sysconf(_SC_PAGESIZE));
    ram_.mapped({static_cast<std::byte*>(address), length, static_cast<std::uint64_t>(offset), page_size},
                static_cast<std::uint64_t>(status.st_size));
  }

 private:
  Session session_;
  Ram ram_;
  OwnedFd packets_;
  std::optional<FileId> vhost_file_;
  std::optional<VsockDevice> vsock_;
  Thread commands_;
};

// Null: inert.
std::atomic<Interposer*> g_interposer = nullptr;

__attribute__((constructor)) void configure() {
  if (std::optional<Session> session = read_environment()) g_interposer.store(new Interposer(std::move(*session)));
}

// The definition that QEMU would have got without us.
template <class Function>
Function* next_definition(const char* name) {
  void* symbol = ::dlsym(RTLD_NEXT, name);
  if (symbol == nullptr) fatal("no %s behind the interposer", name);
  return reinterpret_cast<Function*>(symbol);
}

using Mmap = void*(void*, std::size_t, int, int, int, off_t);

void* map(const char* name, std::atomic<Mmap*>& next, void* address, std::size_t length, int protection, int flags,
          int fd, off_t offset) {
  if (next.load(std::memory_order_relaxed) == nullptr) next = next_definition<Mmap>(name);
  void* mapping = next.load(std::memory_order_relaxed)(address, length, protection, flags, fd, offset);
  Interposer* interposer = g_interposer.load(std::memory_order_acquire);
  if (mapping == MAP_FAILED || interposer == nullptr || fd < 0) return mapping;
  const int error = errno;
  interposer->mapped(mapping, length, flags, fd, offset);
  errno = error;
  return mapping;
}

}  // namespace
}  // namespace snaphammer::interposer

namespace si = snaphammer::interposer;

SNAPHAMMER_EXPORT void* mmap(void* address, std::size_t length, int protection, int flags, int fd,
                             off_t offset) noexcept {
  static std::atomic<si::Mmap*> next = nullptr;
  return si::map("mmap", next, address, length, protection, flags, fd, offset);
}

SNAPHAMMER_EXPORT void* mmap64(void* address, std::size_t length, int protection, int flags, int fd,
                               off64_t offset) noexcept {
  static std::atomic<si::Mmap*> next = nullptr;
  return si::map("mmap64", next, address, length, protection, flags, fd, offset);
}

SNAPHAMMER_EXPORT int ioctl(int fd, unsigned long request, ...) noexcept {
  // An ioctl has one argument or none; reading one that was not passed yields a register's value,
  // which is handed on and ignored, as in libc itself.
  std::va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);

  si::Interposer* interposer = si::g_interposer.load(std::memory_order_acquire);
  const auto number = static_cast<std::uint32_t>(request);
  if (interposer != nullptr) {
    if (si::VsockDevice* device = interposer->device_for(fd, number)) {
      const int error = device->handle(number, argument);
      if (error == 0) return 0;
      errno = error;
      return -1;
    }
  }
  using Ioctl = int(int, unsigned long, ...);
  static std::atomic<Ioctl*> next = nullptr;
  if (next.load(std::memory_order_relaxed) == nullptr) next = si::next_definition<Ioctl>("ioctl");
  return next.load(std::memory_order_relaxed)(fd, request, argument);
}
