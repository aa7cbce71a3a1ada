// The other side of a door: asks for a port in the guest, as any client of a hybrid vsock socket does.
//
//   CO_SNAP_ASSIGN(DoorConnection guest, co_await with_deadline(5s, "connect", connect_through(executor, path, 52)));
//   // guest.rest came with the door's answer; guest.socket brings what follows
//
// For QEMU's door (vsock::Host) and Firecracker's alike. A library of its own, of which all that talk to guests make
// use. One thread, the executor's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "lib/base/async.h"

namespace snaphammer::vsock {

/// A connection to a port in the guest.
struct DoorConnection {
  asio::local::stream_protocol::socket socket;
  std::string rest;  ///< The guest's first bytes, when they came together with the door's answer; less than 64.
};

/// Connects to `port` of the guest behind `door`. kGone: no guest, or nothing listens on that port in it. kInvalid:
/// `door` is no door. Waits for the guest without end: see with_deadline().
Async<DoorConnection> connect_through(asio::any_io_executor executor, std::filesystem::path door, std::uint32_t port);

}  // namespace snaphammer::vsock
