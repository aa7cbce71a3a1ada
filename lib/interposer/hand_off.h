// HandOff: gives guest RAM to a page server as Firecracker does, so that its handlers fit: missing-page
// faults and removals of the regions go to a userfaultfd, and one message on a Unix stream socket
// carries that descriptor (SCM_RIGHTS) and the regions as a JSON array
//
//   [{"base_host_virt_addr":N,"size":N,"offset":N,"page_size":4096,"page_size_kib":4096}, ...]
//
// (Firecracker, docs/snapshotting/handling-page-faults-on-snapshot-resume.md and
// src/vmm/src/persist.rs; both page sizes are bytes, whatever the second name says.) Afterwards the
// socket stays open and silent, and a copy of the descriptor stays here, both to the end of the
// process: a page server that dies leaves every fault waiting, which is what users see and what is
// to be tested.
//
// One thread at a time. Everything that fails ends QEMU: a restore without its page server would run
// on zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/interposer/owned_fd.h"
#include "lib/interposer/wire.h"

namespace snaphammer::interposer {

/// A contiguous part of the RAM file in this process.
struct RamPiece {
  std::byte* host = nullptr;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;     ///< In the file.
  std::uint64_t page_size = 0;  ///< Bytes.
};

class HandOff {
 public:
  /// Faults in `piece` wait for a page server from now on. The first call opens the userfaultfd.
  void register_piece(const RamPiece& piece, const Config& config);
  /// Sends the one message.
  void send(std::span<const RamPiece> pieces, const Config& config);
  bool is_sent() const { return static_cast<bool>(socket_); }

 private:
  OwnedFd userfault_;
  OwnedFd socket_;
};

}  // namespace snaphammer::interposer
