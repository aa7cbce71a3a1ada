#include "lib/uffd/userfaultfd.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace snaphammer::uffd {
namespace {

/// The kernel reports what it did, or minus the errno value, in `answer`. A part that was done comes with EAGAIN
/// whatever stopped it; the next try at the rest tells.
Installed installed(int result, std::int64_t answer) {
  if (result == 0) return {static_cast<ByteCount>(answer), 0};
  const int error = errno;
  return {answer > 0 ? static_cast<ByteCount>(answer) : 0, error};
}

/// Repeats `install(offset)` while the kernel makes progress: it stops short after a part.
template <class Install>
Installed install_all(ByteCount length, Install install) {
  Installed total;
  while (total.done < length) {
    const Installed part = install(total.done);
    total.done += part.done;
    total.error = part.error;
    if (part.error != 0 && part.done == 0) return total;
  }
  total.error = 0;
  return total;
}

Result<MemoryEvent> event_from(const uffd_msg& message) {
  using Kind = MemoryEvent::Kind;
  MemoryEvent event;
  switch (message.event) {
    case UFFD_EVENT_PAGEFAULT:
      event.address = message.arg.pagefault.address;
      return event;
    case UFFD_EVENT_REMOVE:
    case UFFD_EVENT_UNMAP:
      event.kind = message.event == UFFD_EVENT_REMOVE ? Kind::kRemove : Kind::kUnmap;
      event.address = message.arg.remove.start;
      event.length = message.arg.remove.end - message.arg.remove.start;
      return event;
    case UFFD_EVENT_REMAP:
      event.kind = Kind::kRemap;
      event.address = message.arg.remap.from;
      event.to = message.arg.remap.to;
      event.length = message.arg.remap.len;
      return event;
    case UFFD_EVENT_FORK:
      event.kind = Kind::kFork;
      event.child = UniqueFd(static_cast<int>(message.arg.fork.ufd));
      return event;
    default:
      return Error(ErrorKind::kInvalid, fmt::format("userfaultfd: unknown event {:#x}", message.event));
  }
}

}  // namespace

Result<Userfaultfd> Userfaultfd::adopt(UniqueFd fd) {
  std::error_code ignored;
  const std::string what = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd.get()), ignored).string();
  if (what != "anon_inode:[userfaultfd]") {
    return Error(ErrorKind::kInvalid, "hand-off: the descriptor is " + what + ", not a userfaultfd");
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) < 0) return errno_error("userfaultfd: fcntl");
  return Userfaultfd(std::move(fd));
}

Result<bool> Userfaultfd::read(std::vector<MemoryEvent>& events) const {
  std::array<uffd_msg, kBatch> messages;
  const ssize_t length = ::read(fd_.get(), messages.data(), sizeof messages);
  if (length < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    return errno_error("userfaultfd: read");
  }
  const std::size_t count = static_cast<std::size_t>(length) / sizeof(uffd_msg);
  for (std::size_t i = 0; i < count; ++i) {
    SNAP_ASSIGN(MemoryEvent event, event_from(messages[i]));
    events.push_back(std::move(event));
  }
  return count == kBatch;
}

Installed Userfaultfd::copy(std::uint64_t address, std::span<const std::byte> bytes) const {
  return install_all(bytes.size(), [&](ByteCount done) {
    uffdio_copy request{};
    request.dst = address + done;
    request.src = reinterpret_cast<std::uintptr_t>(bytes.data()) + done;
    request.len = bytes.size() - done;
    const int result = ::ioctl(fd_.get(), UFFDIO_COPY, &request);
    return installed(result, request.copy);
  });
}

Installed Userfaultfd::zero(std::uint64_t address, ByteCount length) const {
  return install_all(length, [&](ByteCount done) {
    uffdio_zeropage request{};
    request.range = {address + done, length - done};
    const int result = ::ioctl(fd_.get(), UFFDIO_ZEROPAGE, &request);
    return installed(result, request.zeropage);
  });
}

void Userfaultfd::wake(std::uint64_t address, ByteCount length) const {
  // Fails only for a malformed range.
  uffdio_range range = {address, length};
  ::ioctl(fd_.get(), UFFDIO_WAKE, &range);
}

Result<void> Userfaultfd::unregister(std::uint64_t address, ByteCount length) const {
  uffdio_range range = {address, length};
  if (::ioctl(fd_.get(), UFFDIO_UNREGISTER, &range) < 0) {
    return errno_error(fmt::format("userfaultfd: unregister {:#x}+{:#x}", address, length));
  }
  return {};
}

Result<WaitingFaults> Userfaultfd::waiting() const {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(fd_.get());
  std::ifstream file(path);
  std::map<std::string, std::uint64_t> counts;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    std::uint64_t count = 0;
    if (fields >> name >> count) counts[name] = count;
  }
  if (!counts.contains("pending:") || !counts.contains("total:")) {
    return Error(ErrorKind::kIo, "userfaultfd: " + path + " has no counts of waiting faults");
  }
  return WaitingFaults{.unread = counts["pending:"], .all = counts["total:"]};
}

bool Userfaultfd::process_gone(std::uint64_t address) const {
  // Lifting a write protection that missing mode cannot have set changes nothing in a live process, where the
  // answer is ENOENT; in a dead one it is ESRCH.
  uffdio_writeprotect request{};
  request.range = {address, kPageSize};
  return ::ioctl(fd_.get(), UFFDIO_WRITEPROTECT, &request) < 0 && errno == ESRCH;
}

}  // namespace snaphammer::uffd
