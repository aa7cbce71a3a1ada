// Ram: guest RAM as QEMU has mapped it. It learns of every mapping of the memory file from the
// interposed mmap(), hands RAM off to the page server when that was asked for, and discards ranges of
// it on command.
//
//   Ram ram(config);
//   if (ram.is_file(file_status)) ram.mapped(piece, file_size, page_size);   // after QEMU's mmap()
//   int error = ram.remove(offset, length);                                 // kRemove
//
// QEMU keeps its mapping of RAM to its end, so nothing here is ever forgotten.
//
// Any thread. No lock is held while the kernel waits for a page server.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include <sys/stat.h>

#include "lib/interposer/hand_off.h"
#include "lib/interposer/wire.h"

namespace snaphammer::interposer {

class Ram {
 public:
  explicit Ram(const Config& config);

  /// Whether this is the memory file.
  bool is_file(const struct stat& status) const;

  /// QEMU has mapped a piece of the memory file, which has `file_size` bytes. With a hand-off it is
  /// registered with userfaultfd before this returns, and when the pieces cover the file they are
  /// handed off; ends QEMU when that cannot be done.
  void mapped(const RamPiece& piece, std::uint64_t file_size);

  /// Discards [offset, offset + length) of the file. 0 or an errno (wire.h, Reply).
  int remove(std::uint64_t offset, std::uint64_t length);

 private:
  bool covers(std::uint64_t file_size) const;

  const Config config_;
  std::mutex mutex_;
  std::vector<RamPiece> pieces_;  // By offset.
  HandOff hand_off_;
};

}  // namespace snaphammer::interposer
