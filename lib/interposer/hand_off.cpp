#include "lib/interposer/hand_off.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/interposer/fatal.h"

namespace snaphammer::interposer {
namespace {

constexpr int kUserfaultFlags = O_CLOEXEC | O_NONBLOCK;

OwnedFd userfault_by_system_call(int flags) { return OwnedFd(static_cast<int>(::syscall(SYS_userfaultfd, flags))); }

OwnedFd userfault_by_device() {
  const OwnedFd device(::open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
  if (!device) return {};
  return OwnedFd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, kUserfaultFlags));
}

OwnedFd open_userfault(bool user_mode_only_allowed) {
  OwnedFd fd = userfault_by_system_call(kUserfaultFlags);
  if (fd) return fd;
  const int system_call_error = errno;
  fd = userfault_by_device();
  if (fd) return fd;
  const int device_error = errno;
  if (user_mode_only_allowed) {
    fd = userfault_by_system_call(kUserfaultFlags | UFFD_USER_MODE_ONLY);
    if (fd) return fd;
  }
  const int user_mode_error = errno;
  // strerror's buffer may be shared: one message at a time.
  std::string tried = std::string("userfaultfd: ") + std::strerror(system_call_error);
  tried += std::string("; /dev/userfaultfd: ") + std::strerror(device_error);
  if (user_mode_only_allowed) tried += std::string("; UFFD_USER_MODE_ONLY: ") + std::strerror(user_mode_error);
  fatal(
      "no userfaultfd (%s): give this user access to /dev/userfaultfd, or set "
      "vm.unprivileged_userfaultfd=1",
      tried.c_str());
}

OwnedFd open_userfault_for(const RamPiece& piece, const Config& config) {
  OwnedFd fd = open_userfault(config.user_mode_only_allowed != 0);
  uffdio_api api = {};
  api.api = UFFD_API;
  api.features = UFFD_FEATURE_EVENT_REMOVE;
  if (::ioctl(fd.get(), UFFDIO_API, &api) < 0)
    fatal("userfaultfd without UFFD_FEATURE_EVENT_REMOVE: %s", system_error());
  const bool is_huge = piece.page_size > static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t missing = is_huge ? UFFD_FEATURE_MISSING_HUGETLBFS : UFFD_FEATURE_MISSING_SHMEM;
  if ((api.features & missing) == 0)
    fatal("this kernel's userfaultfd does not work on the kind of memory that RAM is in");
  return fd;
}

std::string regions_json(std::span<const RamPiece> pieces) {
  std::string json = "[";
  for (const RamPiece& piece : pieces) {
    if (json.size() > 1) json += ',';
    const std::string page_size = std::to_string(piece.page_size);
    json += "{\"base_host_virt_addr\":" + std::to_string(reinterpret_cast<std::uintptr_t>(piece.host)) +
            ",\"size\":" + std::to_string(piece.size) + ",\"offset\":" + std::to_string(piece.offset) +
            ",\"page_size\":" + page_size + ",\"page_size_kib\":" + page_size + "}";
  }
  return json + "]";
}

OwnedFd connect_to(const char* path) {
  OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fatal("no socket for the hand-off: %s", system_error());
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  static_assert(sizeof address.sun_path == sizeof Config::handoff_socket);
  std::memcpy(address.sun_path, path, sizeof address.sun_path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    fatal("no page server to hand RAM off to on %s: %s", path, system_error());
  return fd;
}

void send_with_descriptor(int socket, const std::string& message, int descriptor) {
  // sendmsg reads the message only; its interface just cannot say so.
  iovec data = {const_cast<char*>(message.data()), message.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  const ssize_t sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  if (sent < 0) fatal("handing RAM off: %s", system_error());
  if (static_cast<std::size_t>(sent) != message.size())
    fatal("handing RAM off: the socket took %zd of %zu bytes", sent, message.size());
}

}  // namespace

void HandOff::register_piece(const RamPiece& piece, const Config& config) {
  if (!userfault_) userfault_ = open_userfault_for(piece, config);
  uffdio_register request = {};
  request.range.start = reinterpret_cast<std::uintptr_t>(piece.host);
  request.range.len = piece.size;
  request.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (::ioctl(userfault_.get(), UFFDIO_REGISTER, &request) < 0)
    fatal("registering %llu bytes of RAM with userfaultfd: %s", static_cast<unsigned long long>(piece.size),
          system_error());
}

void HandOff::send(std::span<const RamPiece> pieces, const Config& config) {
  OwnedFd socket = connect_to(config.handoff_socket);
  send_with_descriptor(socket.get(), regions_json(pieces), userfault_.get());
  socket_ = std::move(socket);
}

}  // namespace snaphammer::interposer
