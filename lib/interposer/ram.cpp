#include "lib/interposer/ram.h"

#include <algorithm>
#include <cerrno>

#include <sys/mman.h>

#include "lib/interposer/fatal.h"

namespace snaphammer::interposer {

Ram::Ram(const Config& config) : config_(config) {}

bool Ram::is_file(const struct stat& status) const {
  return config_.ram_inode != 0 && status.st_ino == config_.ram_inode && status.st_dev == config_.ram_device;
}

void Ram::mapped(const RamPiece& piece, std::uint64_t file_size) {
  const std::lock_guard lock(mutex_);
  pieces_.insert(std::upper_bound(pieces_.begin(), pieces_.end(), piece,
                                  [](const RamPiece& a, const RamPiece& b) { return a.offset < b.offset; }),
                 piece);
  if (config_.hand_off == 0) return;
  if (hand_off_.is_sent())
    fatal("RAM was mapped once more (%llu bytes at %llu) after it had been handed off",
          static_cast<unsigned long long>(piece.size), static_cast<unsigned long long>(piece.offset));
  hand_off_.register_piece(piece, config_);
  if (covers(file_size)) hand_off_.send(pieces_, config_);
}

bool Ram::covers(std::uint64_t file_size) const {
  std::uint64_t covered = 0;
  for (const RamPiece& piece : pieces_) {
    if (piece.offset > covered) return false;
    covered = std::max(covered, piece.offset + piece.size);
  }
  return covered >= file_size;
}

int Ram::remove(std::uint64_t offset, std::uint64_t length) {
  std::byte* start = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (pieces_.empty()) return ENODEV;
    for (const RamPiece& piece : pieces_) {
      if (offset < piece.offset || offset - piece.offset >= piece.size) continue;
      const std::uint64_t inside = offset - piece.offset;
      if (length == 0 || length > piece.size - inside) return EINVAL;
      if (inside % piece.page_size != 0 || length % piece.page_size != 0) return EINVAL;
      start = piece.host + inside;
      break;
    }
  }
  if (start == nullptr) return EINVAL;
  // With a hand-off this returns when the page server has read the event.
  return ::madvise(start, length, MADV_REMOVE) == 0 ? 0 : errno;
}

}  // namespace snaphammer::interposer
