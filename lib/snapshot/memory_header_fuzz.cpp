// Fuzzes the parsers of the binary files: the mapping header and the working set. What is accepted must be written
// back as the same bytes, and a header must map every page of its guest.
#include <algorithm>
#include <cstdlib>
#include <span>
#include <vector>

#include "lib/snapshot/memory_header.h"
#include "lib/snapshot/working_set.h"

using namespace snaphammer;
using namespace snaphammer::snapshot;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

void check_header(std::span<const std::byte> file) {
  const auto header = decode_header(file);
  if (!header) return;
  expect(std::ranges::equal(encode(*header), file));
  ByteCount position = 0;
  for (const Run& run : header->map.runs) {
    expect(run.offset == position && run.length > 0);
    expect(header->map.runs[header->map.find_run(position)] == run);
    expect(header->map.runs[header->map.find_run(run.end() - kPageSize)] == run);
    position = run.end();
  }
  expect(position == header->map.size);
  BuildId child{{1, 1}};
  while (std::ranges::find(header->map.sources, child) != header->map.sources.end()) ++child.low;
  HeaderBuilder builder(child, header->map.size);
  builder.append_inherited(header->map, header->map.size);
  expect(decode_header(encode(std::move(builder).finish())).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  check_header(file);
  constexpr ByteCount kMemory = 1_MiB;
  const auto pages = decode_working_set(file, kMemory);
  if (pages) expect(std::ranges::equal(encode_working_set(*pages), file));
  return 0;
}
