// memory.header on disk. All numbers little-endian:
//
//   0   magic "SNAPHDR\n"            32  number of runs, u64
//   8   version, u32                 40  number of blocks, u64
//   12  page size, u32               48  sources: 16 bytes each (high, low)
//   16  guest memory size, u64       ..  runs: offset u64, length u64, storage u64, source u64
//   24  number of sources, u64       ..  blocks: 16 bytes each (high, low)
//
// The file has no checksum of its own: the manifest seals it.
#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "lib/snapshot/memory_header.h"

namespace snaphammer::snapshot {
namespace {

static_assert(std::endian::native == std::endian::little, "records are copied as they are");

constexpr std::uint64_t kHeaderMagic = 0x0a52444850414e53;  // "SNAPHDR\n"
constexpr std::uint32_t kVersion = 1;
constexpr ByteCount kMaxSize = ByteCount{1} << 47;

struct FixedPart {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t page_size;
  std::uint64_t size;
  std::uint64_t sources;
  std::uint64_t runs;
  std::uint64_t blocks;
};
struct RunRecord {
  std::uint64_t offset, length, storage, source;
};
static_assert(sizeof(FixedPart) == 48 && sizeof(RunRecord) == 32 && sizeof(Bits128) == 16);

template <class T>
void put(std::vector<std::byte>& file, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  file.insert(file.end(), bytes.begin(), bytes.end());
}

// Takes `count` values from the front of `rest`, which has them.
template <class T>
std::vector<T> take(std::span<const std::byte>& rest, std::size_t count) {
  std::vector<T> values(count);
  if (count > 0) std::memcpy(static_cast<void*>(values.data()), rest.data(), count * sizeof(T));
  rest = rest.subspan(count * sizeof(T));
  return values;
}

Error corrupt_header(std::string what) { return Error(ErrorKind::kCorrupt, "memory header: " + std::move(what)); }

Result<void> check_sources(const MemoryHeader& header) {
  if (header.map.sources.size() < 2) return corrupt_header("fewer than 2 sources");
  if (!header.map.sources[MemoryMap::kZerosSource].nil()) return corrupt_header("source 0 is not the nil build id");
  std::set<BuildId> seen;
  for (const BuildId& build : header.map.sources) {
    if (!seen.insert(build).second) return corrupt_header("source " + build.hex() + " is listed twice");
  }
  return {};
}

// One run against all that came before it. `ends` is, per source, where its last run ends in storage.
Result<void> check_run(const MemoryHeader& header, std::size_t index, std::vector<ByteCount>& ends) {
  const Run& run = header.map.runs[index];
  const auto bad = [&](std::string_view what) {
    return corrupt_header(fmt::format("run {} (guest {:#x}+{:#x}, source {}, storage {:#x}) {}", index, run.offset,
                                      run.length, run.source, run.storage, what));
  };
  const ByteCount expected = index == 0 ? 0 : header.map.runs[index - 1].end();
  if (run.offset > expected) return bad(fmt::format("leaves a gap after {:#x}", expected));
  if (run.offset < expected) return bad(fmt::format("overlaps the one before it, which ends at {:#x}", expected));
  if (run.length == 0 || run.length % kPageSize != 0) return bad("is not a whole number of pages");
  if (run.length > header.map.size - run.offset) return bad(fmt::format("reaches beyond {:#x}", header.map.size));

  // Neighbours from one generation lie together in its file, as do zeros: they are one run.
  if (index > 0 && header.map.runs[index - 1].source == run.source) return bad("is not joined with the one before it");
  if (run.zeros()) {
    if (run.storage != 0) return bad("is zeros and has a storage offset");
    return {};
  }
  if (run.storage % kPageSize != 0 || run.storage > kMaxSize) return bad("has a bad storage offset");
  ByteCount& end = ends[run.source];
  // The own file has no page twice and none that is not used; of an older one, some may not be used any more.
  const bool in_order = run.source == MemoryMap::kOwnSource ? run.storage == end : run.storage >= end;
  if (!in_order) return bad(fmt::format("is not stored after its source's earlier run, which ends at {:#x}", end));
  end = run.storage + run.length;
  return {};
}

Result<void> check_runs(const MemoryHeader& header) {
  constexpr ByteCount kNoRun = 0;
  std::vector<ByteCount> ends(header.map.sources.size(), kNoRun);
  for (std::size_t index = 0; index < header.map.runs.size(); ++index) SNAP_TRY(check_run(header, index, ends));
  const ByteCount end = header.map.runs.empty() ? 0 : header.map.runs.back().end();
  if (end != header.map.size) return corrupt_header(fmt::format("runs end at {:#x} of {:#x}", end, header.map.size));
  if (ends[MemoryMap::kOwnSource] != header.stored()) {
    return corrupt_header(
        fmt::format("its runs use {:#x} of {:#x} stored bytes", ends[MemoryMap::kOwnSource], header.stored()));
  }
  for (std::size_t source = 2; source < ends.size(); ++source) {
    if (ends[source] == kNoRun) return corrupt_header("source " + header.map.sources[source].hex() + " is not used");
  }
  return {};
}

}  // namespace

std::vector<std::byte> encode(const MemoryHeader& header) {
  std::vector<std::byte> file;
  file.reserve(sizeof(FixedPart) + header.map.sources.size() * sizeof(BuildId) +
               header.map.runs.size() * sizeof(RunRecord) + header.blocks.size() * sizeof(Checksum));
  const FixedPart fixed{.magic = kHeaderMagic,
                        .version = kVersion,
                        .page_size = kPageSize,
                        .size = header.map.size,
                        .sources = header.map.sources.size(),
                        .runs = header.map.runs.size(),
                        .blocks = header.blocks.size()};
  put(file, std::span(&fixed, 1));
  put(file, std::span(header.map.sources));
  for (const Run& run : header.map.runs) {
    const RunRecord record{run.offset, run.length, run.storage, run.source};
    put(file, std::span(&record, 1));
  }
  put(file, std::span(header.blocks));
  return file;
}

Result<MemoryHeader> decode_header(std::span<const std::byte> file) {
  if (file.size() < sizeof(FixedPart)) return corrupt_header(fmt::format("{} bytes are too few", file.size()));
  std::span<const std::byte> rest = file;
  const FixedPart fixed = take<FixedPart>(rest, 1).front();
  if (fixed.magic != kHeaderMagic) return corrupt_header("does not begin with its magic number");
  if (fixed.version != kVersion) {
    return Error(ErrorKind::kUnfit,
                 fmt::format("memory header: version {}, this program knows {}", fixed.version, kVersion))
        .advise("take the snapshot again with this version, or use the one that wrote it");
  }
  if (fixed.page_size != kPageSize) return corrupt_header(fmt::format("page size {}", fixed.page_size));
  if (fixed.size == 0 || fixed.size % kPageSize != 0 || fixed.size > kMaxSize) {
    return corrupt_header(fmt::format("guest memory of {} bytes", fixed.size));
  }
  // Each count alone is bounded by the file's size, so their sum cannot overflow.
  const bool fits = std::max({fixed.sources, fixed.runs, fixed.blocks}) <= file.size();
  if (!fits || fixed.sources * sizeof(BuildId) + fixed.runs * sizeof(RunRecord) + fixed.blocks * sizeof(Checksum) !=
                   rest.size()) {
    return corrupt_header(fmt::format("{} bytes do not hold {} sources, {} runs and {} blocks", file.size(),
                                      fixed.sources, fixed.runs, fixed.blocks));
  }

  MemoryHeader header;
  header.map.size = fixed.size;
  header.map.sources = take<BuildId>(rest, fixed.sources);
  header.map.runs.reserve(fixed.runs);
  for (const RunRecord& record : take<RunRecord>(rest, fixed.runs)) {
    if (record.source >= fixed.sources) {
      return corrupt_header(
          fmt::format("run {} names source {} of {}", header.map.runs.size(), record.source, fixed.sources));
    }
    header.map.runs.push_back({.offset = record.offset,
                               .length = record.length,
                               .storage = record.storage,
                               .source = static_cast<std::uint32_t>(record.source)});
  }
  header.blocks = take<Checksum>(rest, fixed.blocks);
  SNAP_TRY(check_sources(header));
  SNAP_TRY(check_runs(header));
  return header;
}

}  // namespace snaphammer::snapshot
