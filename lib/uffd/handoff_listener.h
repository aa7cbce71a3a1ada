// HandoffListener: the Unix socket at which a VMM hands its memory over.
//
//   SNAP_ASSIGN(HandoffListener listener, HandoffListener::listen("/run/x/uffd.sock"));
//   SNAP_ASSIGN(UniqueFd connection, listener.accept(stop.fd()));       // the VMM connected; the socket's name is gone
//   SNAP_ASSIGN(Handoff handoff, receive_handoff(connection.get(), stop.fd(), kHandoffLimit));
#pragma once

#include <chrono>
#include <filesystem>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer::uffd {

/// A VMM sends its hand-off in the same breath in which it connects.
inline constexpr Duration kHandoffLimit = std::chrono::seconds(10);

class HandoffListener {
 public:
  /// Binds and listens; a stale socket of that name is replaced.
  static Result<HandoffListener> listen(std::filesystem::path path);
  HandoffListener(HandoffListener&&) = default;
  HandoffListener& operator=(HandoffListener&&) = default;
  /// Removes the socket if it is still there.
  ~HandoffListener();

  /// Blocks until one VMM has connected, then takes the name away; kCancelled once `stop_fd` is readable.
  Result<UniqueFd> accept(int stop_fd);

 private:
  HandoffListener(std::filesystem::path path, UniqueFd socket) : path_(std::move(path)), socket_(std::move(socket)) {}
  void close();

  std::filesystem::path path_;
  UniqueFd socket_;
};

/// Connects to who listens at `path`.
Result<UniqueFd> connect_handoff(const std::filesystem::path& path);

}  // namespace snaphammer::uffd
