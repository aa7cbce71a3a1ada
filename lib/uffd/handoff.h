// The hand-off: the message by which a VMM gives its userfaultfd and memory regions to the page server.
//
//   SNAP_ASSIGN(Handoff handoff, receive_handoff(connection.get(), stop.get(), 10s));
//   SNAP_TRY(check_regions(handoff.regions, source.size()));
//
// The format is Firecracker's: one sendmsg(2) with a JSON array of regions and one userfaultfd as SCM_RIGHTS, on
// a Unix stream socket that then stays open and silent. It comes from another program and is not trusted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/base/units.h"

namespace snaphammer::uffd {

/// One mapping of guest memory in the VMM.
struct Region {
  std::uint64_t base = 0;  ///< Address in the VMM.
  ByteCount size = 0;
  ByteCount offset = 0;  ///< Of its first byte in the memory file.
  ByteCount page_size = kPageSize;

  bool operator==(const Region&) const = default;
};

struct Handoff {
  UniqueFd userfaultfd;
  std::vector<Region> regions;
  std::string message;  ///< The JSON as it was received, for the record and for relaying.
};

/// Reads the JSON array. Each region is an object with the unsigned numbers `base_host_virt_addr`, `size`, `offset`
/// and at least one of `page_size` and `page_size_kib`, which both hold bytes and must agree; fields of later versions are
/// ignored. Everything else, and a field that appears twice, is a kInvalid error that names region and field.
Result<std::vector<Region>> parse_regions(std::string_view json);

/// The inverse of parse_regions().
std::string format_regions(const std::vector<Region>& regions);

/// Checks regions against each other and against a memory file of `memory_size` bytes: page size 4 KiB or 2 MiB,
/// everything aligned to it, no empty or wrapping region, no overlap in addresses or in the file, and all of the
/// file covered.
Result<void> check_regions(const std::vector<Region>& regions, ByteCount memory_size);

/// Awaits one hand-off on `connection`, for at most `limit`; kCancelled once `stop_fd` is readable. Up to
/// kMaxMessagesWithoutDescriptor messages without a descriptor may come first, as some senders do.
Result<Handoff> receive_handoff(int connection, int stop_fd, Duration limit);

/// Sends one, the way Firecracker does.
Result<void> send_handoff(int connection, int userfaultfd, std::string_view message);

inline constexpr int kMaxMessagesWithoutDescriptor = 5;
inline constexpr std::size_t kMaxHandoffBytes = 64 * 1024;

}  // namespace snaphammer::uffd
