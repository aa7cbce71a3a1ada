// Packets of GDB's remote serial protocol, `$payload#checksum` with an acknowledgement for each
// (https://sourceware.org/gdb/current/onlinedocs/gdb.html/Overview.html of its appendix "Remote Protocol").
//
//   send(gdb_packet("vCont;c"));
//   GdbPacketReader reader;
//   reader.feed(received);
//   while (true) {
//     SNAP_ASSIGN(const std::optional<GdbInput> input, reader.next());
//     if (!input) break;                                   // more bytes are needed
//     ...
//   }
//
// Pure computation, no thread. What the other side sends is not trusted: a packet that is too long, or bytes that
// begin none, are kInvalid, and the stream cannot be read on from there.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace snaphammer::vmm {

/// The longest payload, expanded, that is read. QEMU's own limit is 4 KiB.
inline constexpr std::size_t kMaxGdbPayload = 16 << 10;

/// `payload` as it is sent: framed, with its checksum, the bytes `$`, `#`, `}` and `*` in it escaped.
std::string gdb_packet(std::string_view payload);

struct GdbInput {
  enum class Kind {
    kAck,      ///< `+`: the last packet has arrived whole.
    kNack,     ///< `-`: it has to be sent again.
    kPacket,   ///< A packet, its checksum right.
    kDamaged,  ///< A packet whose checksum is wrong: to be asked for again.
  };
  Kind kind;
  std::string payload;  ///< Of a packet: unescaped, repetitions expanded.
};

class GdbPacketReader {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// The next acknowledgement or packet; nothing when its end has not been fed yet.
  Result<std::optional<GdbInput>> next();

 private:
  std::string buffer_;  // What next() has not returned.
};

/// The number that hexadecimal digits say, most significant first; nothing when these are none, or more than 64 bits.
std::optional<std::uint64_t> number_from_hex(std::string_view digits);
/// The bytes that pairs of digits say; nothing when these are none.
std::optional<std::string> bytes_from_hex(std::string_view digits);

}  // namespace snaphammer::vmm
