// Plays QEMU for interposer_test: a program that knows nothing of the interposer preloaded into it, maps
// its RAM, uses a vhost-vsock descriptor, and does what the test writes on its standard input, one
// command per line, answering each with one line.
//
//   pretend_qemu RAM_FD VHOST_FD
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/interposer/owned_fd.h"
#include "lib/interposer/testing/fake_driver.h"
#include "lib/interposer/wire.h"

namespace {

using namespace snaphammer::interposer;
using testing::FakeDriver;
using testing::FakeGuest;

constexpr std::uint64_t kFeatures = kFeatureVersion1 | kFeatureEventIndex | kFeatureIndirect;

class PretendQemu {
 public:
  PretendQemu(int ram_fd, int vhost_fd) : ram_fd_(ram_fd), vhost_fd_(vhost_fd) {}

  std::string execute(const std::string& command, std::istringstream& arguments) {
    if (command == "map") return map(arguments);
    if (command == "read") return read(arguments);
    if (command == "environment") return std::getenv(kSocketVariable) == nullptr ? "clean" : "set";
    if (command == "features") return features();
    if (command == "echo") return echo();
    return "unknown command " + command;
  }

 private:
  // map OFFSET LENGTH FLAGS: as QEMU does it, over a reservation and through a descriptor of its own.
  std::string map(std::istringstream& arguments) {
    off_t offset = 0;
    std::size_t length = 0;
    std::string flags;
    arguments >> offset >> length >> flags;
    const OwnedFd own(::open(("/proc/self/fd/" + std::to_string(ram_fd_)).c_str(), O_RDWR | O_CLOEXEC));
    struct stat status = {};
    if (::fstat(own.get(), &status) < 0) return "no RAM";
    if (reservation_ == nullptr) {
      void* reserved =
          ::mmap64(nullptr, static_cast<std::size_t>(status.st_size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (reserved == MAP_FAILED) return "no room";
      reservation_ = static_cast<std::byte*>(reserved);
      size_ = static_cast<std::size_t>(status.st_size);
    }
    const int sharing = flags == "private" ? MAP_PRIVATE : MAP_SHARED;
    void* mapping =
        ::mmap64(reservation_ + offset, length, PROT_READ | PROT_WRITE, sharing | MAP_FIXED, own.get(), offset);
    return mapping == MAP_FAILED ? "failed" : std::to_string(reinterpret_cast<std::uintptr_t>(mapping));
  }

  std::string read(std::istringstream& arguments) const {
    std::size_t offset = 0;
    arguments >> offset;
    const volatile std::byte* byte = reservation_ + offset;
    return std::to_string(std::to_integer<int>(*byte));
  }

  std::string features() const {
    std::uint64_t features = 0;
    if (::ioctl(vhost_fd_, VHOST_GET_FEATURES, &features) < 0) return std::strerror(errno);
    return std::to_string(features);
  }

  // The whole life of a vhost device with a guest that sends back the first packet that it receives.
  std::string echo() {
    const OwnedFd vhost = OwnedFd::duplicate_of(vhost_fd_);
    FakeGuest guest(std::span(reservation_, size_));
    FakeDriver queues[] = {{guest, {.size = 128, .features = kFeatures}},
                           {guest, {.size = 128, .features = kFeatures}}};
    const OwnedFd kicks[] = {OwnedFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
                             OwnedFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))};
    const OwnedFd call(::eventfd(0, EFD_CLOEXEC));
    bool right = ::ioctl(vhost.get(), VHOST_SET_OWNER) == 0;
    right = right && ::ioctl(vhost.get(), VHOST_SET_FEATURES, &kFeatures) == 0;
    std::uint64_t table[5] = {1, 0, size_, reinterpret_cast<std::uintptr_t>(reservation_), 0};
    right = right && ::ioctl(vhost.get(), VHOST_SET_MEM_TABLE, table) == 0;
    for (unsigned i = 0; i < 2; ++i) {
      const VringSetup setup = queues[i].setup();
      vhost_vring_state size = {i, setup.size};
      vhost_vring_state base = {i, 0};
      vhost_vring_addr address = {i,
                                  0,
                                  reinterpret_cast<std::uintptr_t>(setup.descriptors),
                                  reinterpret_cast<std::uintptr_t>(setup.used),
                                  reinterpret_cast<std::uintptr_t>(setup.available),
                                  setup.used_guest_address};
      vhost_vring_file kick = {i, kicks[i].get()};
      right = right && ::ioctl(vhost.get(), VHOST_SET_VRING_NUM, &size) == 0 &&
              ::ioctl(vhost.get(), VHOST_SET_VRING_BASE, &base) == 0 &&
              ::ioctl(vhost.get(), VHOST_SET_VRING_ADDR, &address) == 0 &&
              ::ioctl(vhost.get(), VHOST_SET_VRING_KICK, &kick) == 0;
    }
    vhost_vring_file signal = {0, call.get()};
    int running = 1;
    right = right && ::ioctl(vhost.get(), VHOST_SET_VRING_CALL, &signal) == 0 &&
            ::ioctl(vhost.get(), VHOST_VSOCK_SET_RUNNING, &running) == 0;
    if (!right) return std::string("vhost: ") + std::strerror(errno);

    const std::uint64_t buffer = guest.allocate(1024);
    queues[0].offer({{buffer, 1024, true}});
    ::eventfd_write(kicks[0].get(), 1);
    eventfd_t ignored = 0;
    ::eventfd_read(call.get(), &ignored);
    const std::optional<FakeDriver::Used> used = queues[0].reclaim();
    if (!used) return "an interrupt without a packet";
    queues[1].offer({{buffer, used->written, false}});
    ::eventfd_write(kicks[1].get(), 1);
    running = 0;
    // Wait until it is taken, so that the stop does not come first.
    while (!queues[1].reclaim()) continue;
    right = ::ioctl(vhost.get(), VHOST_VSOCK_SET_RUNNING, &running) == 0;
    vhost_vring_state base = {1, 0};
    right = right && ::ioctl(vhost.get(), VHOST_GET_VRING_BASE, &base) == 0;
    return right ? "echoed, base " + std::to_string(base.num) : "vhost did not stop";
  }

  int ram_fd_;
  int vhost_fd_;
  std::byte* reservation_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (count != 3) return 2;
  PretendQemu qemu(std::atoi(arguments[1]), std::atoi(arguments[2]));
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    std::cout << qemu.execute(command, words) << std::endl;
  }
  return 0;
}
