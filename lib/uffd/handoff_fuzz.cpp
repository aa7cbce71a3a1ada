// Fuzzes the hand-off. The input's first byte says where the rest is cut into two messages; the descriptor comes with the
// second. Whatever is sent, the answer comes at once; what is accepted must be written and read back as it is, and
// regions that check out must be whole pages and lead each byte of the memory file to one address and back.
#include <cstdlib>
#include <string_view>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "lib/uffd/handoff.h"
#include "lib/uffd/region_map.h"

using namespace snaphammer;
using namespace snaphammer::uffd;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_accepted(const std::vector<Region>& regions) {
  require(parse_regions(format_regions(regions)) == regions);
  ByteCount size = 0;
  for (const Region& region : regions) size += region.size;
  if (!check_regions(regions, size)) return;
  const RegionMap map(regions);
  ByteCount end = 0;
  for (const Place& place : map.places_of_extent({0, size})) {
    require(place.offset == end);
    require(place.page_size == 4_KiB || place.page_size == 2_MiB);
    require(place.address % place.page_size == 0 && place.length % place.page_size == 0);
    end += place.length;
    for (const ByteCount at : {ByteCount{0}, place.length - 1}) {
      const auto page = map.page_at(place.address + at);
      require(page && page->offset == (place.offset + at) / page->page_size * page->page_size);
    }
  }
  require(end == size);
}

void check_received(std::string_view first, std::string_view second) {
  static const UniqueFd descriptor(::eventfd(0, EFD_CLOEXEC));
  static const UniqueFd never(::eventfd(0, EFD_CLOEXEC));
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd vmm(ends[0]);
  const UniqueFd server(ends[1]);
  if (!first.empty()) require(::send(vmm.get(), first.data(), first.size(), 0) == static_cast<ssize_t>(first.size()));
  if (!second.empty()) require(send_handoff(vmm.get(), descriptor.get(), second).has_value());
  vmm.reset();
  const auto handoff = receive_handoff(server.get(), never.get(), std::chrono::seconds(5));
  if (!handoff) {
    require(handoff.error().kind() == ErrorKind::kInvalid || handoff.error().kind() == ErrorKind::kGone);
    return;
  }
  require(parse_regions(handoff->message) == handoff->regions);
  check_accepted(handoff->regions);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 60'000) return 0;  // What no longer fits into the socket would wait for a reader.
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto regions = parse_regions(text)) check_accepted(*regions);
  const std::size_t cut = std::min<std::size_t>(data[0], text.size());
  check_received(text.substr(0, cut), text.substr(cut));
  return 0;
}
