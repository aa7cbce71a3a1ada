// How the interposer learns what to do: one Config (wire.h) on the socket that the environment names.
//
//   std::optional<Session> session = read_environment();
//   if (!session) return;                        // not asked to do anything
//
// In the interposer's constructor, before QEMU has threads. Whatever is wrong ends QEMU.
#pragma once

#include <optional>

#include "lib/interposer/owned_fd.h"
#include "lib/interposer/wire.h"

namespace snaphammer::interposer {

struct Session {
  Config config;
  OwnedFd socket;  ///< Commands come here.
};

/// Nothing when the variable is not set; otherwise takes it out of the environment and returns what
/// the socket that it names had to say, checked.
std::optional<Session> read_environment();

/// Receives the Config that waits on `socket`, and checks it and the descriptors that it names.
Config receive_config(int socket);

}  // namespace snaphammer::interposer
