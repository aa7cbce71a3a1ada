#include "guest-workloads/agent/guest_system.h"

#include <cstring>
#include <vector>

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace snaphammer::guest {
namespace {

class KernelSystem : public GuestSystem {
 public:
  Result<Duration> set_wall_clock(Duration since_1970) override {
    timespec before{};
    ::clock_gettime(CLOCK_REALTIME, &before);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
    const timespec now{.tv_sec = seconds.count(), .tv_nsec = (since_1970 - seconds).count()};
    if (::clock_settime(CLOCK_REALTIME, &now) != 0) return errno_error("set the wall clock");
    return since_1970 - (std::chrono::seconds(before.tv_sec) + std::chrono::nanoseconds(before.tv_nsec));
  }

  Result<void> add_entropy(std::string_view bytes) override {
    const UniqueFd random(::open("/dev/urandom", O_RDWR | O_CLOEXEC));
    if (!random) return errno_error("open /dev/urandom");

    // struct rand_pool_info: entropy in bits, size in bytes, then the bytes.
    const int header[2] = {static_cast<int>(bytes.size() * 8), static_cast<int>(bytes.size())};
    std::vector<char> request(sizeof header + bytes.size());
    std::memcpy(request.data(), header, sizeof header);
    std::memcpy(request.data() + sizeof header, bytes.data(), bytes.size());
    if (::ioctl(random.get(), RNDADDENTROPY, request.data()) != 0) {
      return errno_error("add entropy to /dev/urandom");
    }
    if (::ioctl(random.get(), RNDRESEEDCRNG) != 0) {
      return errno_error("reseed the kernel's random number generator");
    }
    return {};
  }

  Result<void> drop_page_cache() override {
    ::sync();
    const UniqueFd drop(::open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));
    // 4: the kernel logs no more of these, which every restored guest would send to the host first of all. 1: without its
    // caches of names and inodes, which every path lookup after a restore would have to fill again.
    for (const std::string_view what : {"4\n", "1\n"}) {
      if (!drop || ::pwrite(drop.get(), what.data(), what.size(), 0) != static_cast<ssize_t>(what.size())) {
        return errno_error("drop the page cache");
      }
    }
    return {};
  }
};

class UntouchedSystem : public GuestSystem {
 public:
  Result<Duration> set_wall_clock(Duration) override { return Duration::zero(); }
  Result<void> add_entropy(std::string_view) override { return {}; }
  Result<void> drop_page_cache() override { return {}; }
};

}  // namespace

std::unique_ptr<GuestSystem> make_guest_system() { return std::make_unique<KernelSystem>(); }
std::unique_ptr<GuestSystem> make_untouched_system() { return std::make_unique<UntouchedSystem>(); }

}  // namespace snaphammer::guest
