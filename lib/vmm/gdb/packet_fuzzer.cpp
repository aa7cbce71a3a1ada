// Fuzzes the reader of GDB packets. The first byte says in how large pieces the rest arrives; however it is cut, the
// same packets must come out, none of them longer than allowed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "lib/vmm/gdb/packet.h"

namespace snaphammer::vmm {
namespace {

std::vector<std::string> packets_in(std::string_view stream, std::size_t piece) {
  std::vector<std::string> packets;
  GdbPacketReader reader;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    reader.feed(stream.substr(at, piece));
    while (true) {
      const auto input = reader.next();
      if (!input) return packets;
      if (!*input) break;
      if ((*input)->payload.size() > kMaxGdbPayload) std::abort();
      packets.push_back((*input)->payload);
    }
  }
  return packets;
}

}  // namespace
}  // namespace snaphammer::vmm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace snaphammer::vmm;
  constexpr std::size_t kSmall = 1 << 12;  // So that no bound on length depends on the pieces.
  if (size == 0 || size > kSmall) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (packets_in(stream, std::max<std::size_t>(data[0], 1)) != packets_in(stream, size)) std::abort();
  GdbPacketReader reader;
  reader.feed(gdb_packet(stream));
  const auto back = reader.next();
  if (!back || !*back || (*back)->payload != stream) std::abort();
  return 0;
}
