// A guest's init for the tests of this folder: it loads the image's modules, listens on vsock, and
// then counts aloud on the console, "tick 1", "tick 2" and so on. A count that goes on where it
// stood shows that memory, processor and timer came through a snapshot. Words on its vsock port:
// none; it accepts and closes.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr unsigned kPort = 1024;
constexpr useconds_t kTickMicroseconds = 20'000;

// PID 1 cannot report a failure otherwise: the kernel panics when it ends, and the test sees the
// line.
[[noreturn]] void fail(const std::string& what) {
  std::printf("ticking init: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void load_modules() {
  std::ifstream list("/etc/snaphammer/modules");
  for (std::string path; std::getline(list, path);) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 || ::syscall(SYS_finit_module, file, "", 0) != 0) fail("load " + path);
    ::close(file);
  }
}

int listen_on_vsock() {
  const int listener = ::socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_port = kPort;
  address.svm_cid = VMADDR_CID_ANY;
  sockaddr generic{};
  static_assert(sizeof address == sizeof generic);
  std::memcpy(&generic, &address, sizeof address);
  if (listener < 0 || ::bind(listener, &generic, sizeof generic) != 0 || ::listen(listener, 8) != 0) {
    fail("listen on vsock port 1024");
  }
  return listener;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  ::mount("proc", "/proc", "proc", 0, nullptr);
  load_modules();
  const int listener = listen_on_vsock();
  for (unsigned long count = 1;; ++count) {
    std::printf("tick %lu\n", count);
    ::close(::accept(listener, nullptr, nullptr));
    ::usleep(kTickMicroseconds);
  }
}
