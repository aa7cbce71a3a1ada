#include "lib/interposer/vsock_device.h"

#include <cerrno>
#include <cstring>

#include "lib/interposer/abi.h"
#include "lib/interposer/fatal.h"

namespace snaphammer::interposer {
namespace {

template <class T>
const T& in(const void* argument) {
  return *static_cast<const T*>(argument);
}

template <class T>
void out(void* argument, const T& value) {
  std::memcpy(argument, &value, sizeof value);
}

// vhost passes addresses of this process as integers.
template <class T = std::byte>
T* pointer_to(std::uint64_t address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr)
}

// Like the kernel, hold the file itself: QEMU may close its descriptor whenever it likes. -1: none.
int hold(int fd, OwnedFd& held) {
  if (fd < 0) return 0;
  held = OwnedFd::duplicate_of(fd);
  return held ? 0 : errno;
}

// A queue's setup as it takes effect under the features that were negotiated.
VringSetup under_features(VringSetup setup, std::uint64_t features) {
  setup.features = features;
  return setup;
}

}  // namespace

VsockDevice::VsockDevice(int packet_socket)
    : socket_(packet_socket),
      to_guest_(socket_),
      to_host_(socket_),
      queues_{{{"snap-vsock-rx", to_guest_, packet_socket}, {"snap-vsock-tx", to_host_, packet_socket}}} {}

int VsockDevice::handle(std::uint32_t request, void* argument) {
  if (_IOC_SIZE(request) > 0 && argument == nullptr) return EFAULT;
  switch (request) {
    case VHOST_GET_FEATURES:
      out<std::uint64_t>(argument, kFeatures);
      return 0;
    case VHOST_GET_BACKEND_FEATURES:
      out<std::uint64_t>(argument, 0);
      return 0;
    case VHOST_SET_BACKEND_FEATURES:
      return in<std::uint64_t>(argument) == 0 ? 0 : EOPNOTSUPP;
    case VHOST_SET_OWNER:
      return owned_.exchange(true) ? EBUSY : 0;
    default:
      break;
  }
  if (!owned_) return EPERM;
  if (request == VHOST_SET_VRING_CALL || request == VHOST_SET_VRING_ERR)
    return handle_signal(request, in<vhost_vring_file>(argument));
  const std::lock_guard lock(mutex_);
  return handle_owned(request, argument);
}

int VsockDevice::handle_signal(std::uint32_t request, const vhost_vring_file& file) {
  if (file.index >= queues_.size()) return ENOBUFS;
  OwnedFd held;
  if (const int error = hold(file.fd, held)) return error;
  Pump& pump = queues_[file.index].pump;
  (request == VHOST_SET_VRING_CALL ? pump.call() : pump.error()).set(std::move(held));
  return 0;
}

int VsockDevice::handle_owned(std::uint32_t request, void* argument) {
  switch (request) {
    case VHOST_RESET_OWNER:
      reset();
      return 0;
    case VHOST_SET_FEATURES:
      return set_features(in<std::uint64_t>(argument));
    case VHOST_SET_MEM_TABLE:
      return set_memory(in<vhost_memory>(argument));
    case VHOST_SET_LOG_BASE:
      while_stopped([&] { log_base_ = pointer_to<std::uint64_t>(in<std::uint64_t>(argument)); });
      return 0;
    case VHOST_SET_LOG_FD:
      // QEMU reads the log when it wants to and never asks to be told of it.
      return in<int>(argument) < 0 ? 0 : EOPNOTSUPP;
    case VHOST_VSOCK_SET_GUEST_CID: {
      const std::uint64_t cid = in<std::uint64_t>(argument);
      // The kernel's limits: 0 to 2 are reserved, and a CID has 32 bits. Nothing here needs it.
      return cid > 2 && cid < UINT32_MAX ? 0 : EINVAL;
    }
    case VHOST_VSOCK_SET_RUNNING:
      return set_running(in<int>(argument) != 0);
    default:
      return handle_ring(request, argument);
  }
}

int VsockDevice::handle_ring(std::uint32_t request, void* argument) {
  if (_IOC_TYPE(request) != VHOST_VIRTIO || _IOC_SIZE(request) < sizeof(std::uint32_t)) return ENOTTY;
  // Every request of this family begins with the queue's number.
  const auto index = in<std::uint32_t>(argument);
  const bool is_known = index < queues_.size();
  Queue& queue = queues_[is_known ? index : 0];
  switch (request) {
    case VHOST_SET_VRING_NUM: {
      const std::uint32_t size = in<vhost_vring_state>(argument).num;
      if (!is_known) return ENOBUFS;
      if (running_) return EBUSY;
      if (size == 0 || size > kMaxRingSize || !std::has_single_bit(size)) return EINVAL;
      queue.setup.size = size;
      return 0;
    }
    case VHOST_SET_VRING_BASE: {
      const std::uint32_t base = in<vhost_vring_state>(argument).num;
      if (!is_known) return ENOBUFS;
      if (running_) return EBUSY;
      if (base > UINT16_MAX) return EINVAL;
      queue.setup.position = static_cast<std::uint16_t>(base);
      queue.broken = false;
      return 0;
    }
    case VHOST_GET_VRING_BASE:
      if (!is_known) return ENOBUFS;
      while_stopped([&] { out(argument, vhost_vring_state{index, queue.setup.position}); });
      return 0;
    case VHOST_SET_VRING_ADDR:
      return is_known ? set_ring_address(queue, in<vhost_vring_addr>(argument)) : ENOBUFS;
    case VHOST_SET_VRING_KICK: {
      OwnedFd held;
      if (!is_known) return ENOBUFS;
      if (const int error = hold(in<vhost_vring_file>(argument).fd, held)) return error;
      while_stopped([&] { queue.kick = std::move(held); });
      return 0;
    }
    default:
      return ENOTTY;
  }
}

int VsockDevice::set_ring_address(Queue& queue, const vhost_vring_addr& address) {
  if ((address.flags & ~(1U << VHOST_VRING_F_LOG)) != 0) return EOPNOTSUPP;
  VringSetup setup = queue.setup;
  setup.descriptors = pointer_to(address.desc_user_addr);
  setup.available = pointer_to(address.avail_user_addr);
  setup.used = pointer_to(address.used_user_addr);
  setup.used_guest_address = address.log_guest_addr;
  setup.log_used = (address.flags & (1U << VHOST_VRING_F_LOG)) != 0;
  // Before the queues run, whether all of it fits together is checked when they start.
  if (running_ && Vring::check(under_features(setup, features_), memory_) != nullptr) return EFAULT;
  while_stopped([&] {
    setup.position = queue.setup.position;
    queue.setup = setup;
  });
  return 0;
}

int VsockDevice::set_features(std::uint64_t features) {
  if ((features & ~kFeatures) != 0) return EOPNOTSUPP;
  if (running_ && check_queues(memory_, features) != 0) return EFAULT;
  while_stopped([&] { features_ = features; });
  return 0;
}

int VsockDevice::set_memory(const vhost_memory& table) {
  if (table.padding != 0) return EOPNOTSUPP;
  if (table.nregions > kMaxRegions) return E2BIG;
  std::vector<GuestRegion> regions;
  for (std::uint32_t i = 0; i < table.nregions; ++i) {
    const vhost_memory_region& region = table.regions[i];
    regions.push_back({region.guest_phys_addr, region.memory_size, pointer_to(region.userspace_addr)});
  }
  if (!GuestMemory::is_valid(regions)) return EFAULT;
  GuestMemory memory(std::move(regions));
  if (running_ && check_queues(memory, features_) != 0) return EFAULT;
  while_stopped([&] { memory_ = std::move(memory); });
  return 0;
}

int VsockDevice::set_running(bool running) {
  if (running == running_) return 0;
  if (running) {
    if (const int error = check_queues(memory_, features_)) return error;
    start_queues();
  } else {
    stop_queues();
  }
  running_ = running;
  return 0;
}

int VsockDevice::check_queues(const GuestMemory& memory, std::uint64_t features) const {
  for (const Queue& queue : queues_) {
    if (const char* defect = Vring::check(under_features(queue.setup, features), memory)) {
      report("vsock queue %td cannot run: %s", &queue - queues_.data(), defect);
      return EFAULT;
    }
  }
  return 0;
}

void VsockDevice::reset() {
  stop_queues();
  to_guest_.forget();
  for (Queue& queue : queues_) {
    queue.setup = {};
    queue.kick = {};
    queue.pump.call().set({});
    queue.pump.error().set({});
    queue.broken = false;
  }
  memory_ = {};
  log_base_ = nullptr;
  features_ = 0;
  running_ = false;
  owned_ = false;
}

void VsockDevice::start_queues() {
  const DirtyLog log((features_ & kFeatureLogAll) != 0 ? log_base_ : nullptr);
  for (Queue& queue : queues_) {
    if (queue.broken) continue;
    queue.pump.start(under_features(queue.setup, features_), memory_, log, queue.kick.get());
  }
}

void VsockDevice::stop_queues() {
  for (Queue& queue : queues_) {
    if (!queue.pump.is_running()) continue;
    queue.pump.stop();
    queue.setup.position = queue.pump.position();
    queue.broken = queue.pump.is_broken();
  }
}

template <class Change>
void VsockDevice::while_stopped(Change change) {
  if (running_) stop_queues();
  change();
  if (running_) start_queues();
}

}  // namespace snaphammer::interposer
