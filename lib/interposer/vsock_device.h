// VsockDevice: what the kernel's /dev/vhost-vsock is to QEMU, answered inside QEMU, with the worker at
// the other end of the packet socket in place of the host's vsock.
//
//   VsockDevice device(packet_socket);
//   int error = device.handle(request, argument);   // an ioctl on the vhost descriptor: 0 or an errno
//
// Answers as the kernel does: the same order of calls, the same errors. While the queues run, calls
// that change what they work on (memory table, features, addresses, kick) stop them, change it and
// start them again, and then may have to wait for a page server (pump.h says why). The calls that
// QEMU makes at any time, VHOST_SET_VRING_CALL above all, never wait, not even for one that does.
// handle() itself never touches guest memory.
//
// handle() may be called from any thread. The packet socket is not owned.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "lib/interposer/direction.h"
#include "lib/interposer/guest_memory.h"
#include "lib/interposer/packet_socket.h"
#include "lib/interposer/pump.h"

namespace snaphammer::interposer {

class VsockDevice {
 public:
  static constexpr std::uint64_t kFeatures = kFeatureVersion1 | kFeatureLogAll | kFeatureIndirect | kFeatureEventIndex |
                                             kFeatureNotifyOnEmpty | kFeatureAnyLayout;
  /// Regions in a memory table; more than QEMU's own limit for vhost.
  static constexpr std::uint32_t kMaxRegions = 512;

  explicit VsockDevice(int packet_socket);
  VsockDevice(const VsockDevice&) = delete;
  VsockDevice& operator=(const VsockDevice&) = delete;
  /// Stops the queues.
  ~VsockDevice() = default;

  /// 0 or an errno. `argument` is what the ioctl's caller passed.
  int handle(std::uint32_t request, void* argument);

 private:
  struct Queue {
    VringSetup setup;
    OwnedFd kick;
    bool broken = false;  // By the guest; until the VMM sets a new base.
    Pump pump;

    Queue(const char* thread_name, Direction& direction, int socket) : pump(thread_name, direction, socket) {}
  };

  int handle_signal(std::uint32_t request, const vhost_vring_file& file);
  int handle_owned(std::uint32_t request, void* argument);
  int handle_ring(std::uint32_t request, void* argument);
  int set_ring_address(Queue& queue, const vhost_vring_addr& address);
  int set_features(std::uint64_t features);
  int set_memory(const vhost_memory& table);
  int set_running(bool running);
  int check_queues(const GuestMemory& memory, std::uint64_t features) const;
  void reset();

  void start_queues();
  void stop_queues();
  // Runs change() with the queues stopped, and lets them run on if they ran.
  template <class Change>
  void while_stopped(Change change);

  std::mutex mutex_;  // For all below but the pumps' signals; never taken by a pump's thread.
  PacketSocket socket_;
  HostToGuest to_guest_;
  GuestToHost to_host_;
  std::atomic<bool> owned_ = false;
  bool running_ = false;
  std::uint64_t features_ = 0;
  GuestMemory memory_;
  std::uint64_t* log_base_ = nullptr;
  std::array<Queue, 2> queues_;  // As the guest numbers them: receive, transmit.
};

}  // namespace snaphammer::interposer
