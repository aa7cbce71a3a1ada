// What snapshots cost, each against a floor that is measured in the same run by an independent minimal loop.
//
//   store_bench --benchmark_format=json        SNAPSHOT_BENCH_DIR=/path picks the file system (default: /dev/shm)
//
// floor/...     copying 1 GiB and taking its checksums, with nothing of the store: into memory that is there already, into
//               fresh memory, and into a fresh file of the same file system
// full, diff    a snapshot of 1 GiB of data without syncs; the diff has 1 % of its pages changed, evenly spread. Counters:
//               `anonymous_MiB` the growth of this process's own memory at its end, header and checksums included
// load, read    a snapshot opened; all of its memory read in 2 MiB pieces, with and without checksums
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "lib/base/unique_fd.h"
#include "lib/snapshot/store.h"

namespace snaphammer::snapshot {
namespace {

constexpr ByteCount kGuest = 1_GiB;
constexpr std::size_t kChunk = 256_KiB;

std::filesystem::path bench_directory() {
  const char* chosen = std::getenv("SNAPSHOT_BENCH_DIR");
  return std::filesystem::path(chosen != nullptr ? chosen : "/dev/shm") / ("store-bench-" + std::to_string(::getpid()));
}

template <class T>
T must(Result<T> result) {
  if (result) return std::move(result).value();
  std::fprintf(stderr, "store_bench: %s\n", result.error().describe().c_str());
  std::exit(1);
}

// 1 GiB of RAM without a zero page.
class Guest {
 public:
  Guest() : fd_(::memfd_create("guest", MFD_CLOEXEC)) {
    if (::ftruncate(fd_.get(), kGuest) != 0) std::abort();
    std::vector<std::uint64_t> chunk(kChunk / sizeof(std::uint64_t));
    std::uint64_t word = 88172645463325252;  // xorshift64
    for (ByteCount at = 0; at < kGuest; at += kChunk) {
      for (std::uint64_t& value : chunk) {
        word ^= word << 13, word ^= word >> 7, word ^= word << 17;
        value = word;
      }
      if (::pwrite(fd_.get(), chunk.data(), kChunk, static_cast<off_t>(at)) != ssize_t{kChunk}) std::abort();
    }
  }
  void change_one_percent(std::uint64_t round) {
    for (ByteCount page = 0; page < kGuest / kPageSize; page += 100) {
      if (::pwrite(fd_.get(), &round, sizeof round, static_cast<off_t>(page * kPageSize)) != sizeof round) std::abort();
    }
  }
  MemoryImage image() const { return {.ram_fd = fd_.get(), .size = kGuest}; }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

Guest& guest() {
  static Guest* const instance = new Guest();
  return *instance;
}

struct Bench {
  std::filesystem::path directory = bench_directory();
  SnapshotStore store = must(SnapshotStore::open(directory, {.sync = Sync::kOff}));
  ~Bench() { std::filesystem::remove_all(directory); }

  void take(const std::string& id, const std::string& parent = {}) {
    SnapshotWriter writer = must(store.begin(id));
    std::ofstream(writer.vmstate_path()) << "state";
    const auto written =
        parent.empty() ? writer.write_full(guest().image()) : writer.write_diff(guest().image(), parent);
    if (!written) must<int>(written.error());
    must(writer.publish());
  }
  void drop(const std::string& id) {
    const auto removed = store.remove(id);
    if (!removed) must<int>(removed.error());
  }
};

// RssAnon of /proc/self/status.
double anonymous_mib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  double kib = 0;
  while (status >> word) {
    if (word == "RssAnon:") status >> kib;
  }
  return kib / 1024;
}

void hash_pages(const char* bytes, std::size_t length) {
  for (std::size_t at = 0; at < length; at += kPageSize) benchmark::DoNotOptimize(XXH3_128bits(bytes + at, kPageSize));
}

void floor_memory(benchmark::State& state, bool fresh) {
  const Mapping from = must(Mapping::map(kGuest, PROT_READ, MAP_SHARED | MAP_POPULATE, guest().fd()));
  constexpr int kWrite = PROT_READ | PROT_WRITE, kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  Mapping to = must(Mapping::map(kGuest, kWrite, kAnonymous | MAP_POPULATE));
  for (auto _ : state) {
    if (fresh) {
      state.PauseTiming();
      to = Mapping();
      to = must(Mapping::map(kGuest, kWrite, kAnonymous));
      state.ResumeTiming();
    }
    for (ByteCount at = 0; at < kGuest; at += kChunk) {
      std::memcpy(to.data() + at, from.data() + at, kChunk);
      hash_pages(reinterpret_cast<const char*>(to.data() + at), kChunk);
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kGuest));
}

void floor_file(benchmark::State& state) {
  std::filesystem::create_directories(bench_directory());
  const std::string path = bench_directory() / "floor";
  std::vector<char> buffer(kChunk);
  for (auto _ : state) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    for (ByteCount at = 0; at < kGuest; at += kChunk) {
      const auto offset = static_cast<off_t>(at);
      if (::pread(guest().fd(), buffer.data(), kChunk, offset) != ssize_t{kChunk}) std::abort();
      hash_pages(buffer.data(), kChunk);
      if (::pwrite(file.get(), buffer.data(), kChunk, offset) != ssize_t{kChunk}) std::abort();
    }
    state.PauseTiming();
    ::unlink(path.c_str());
    file.reset();
    state.ResumeTiming();
  }
  std::filesystem::remove_all(bench_directory());
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kGuest));
}

void full(benchmark::State& state) {
  guest();
  Bench bench;
  const double before = anonymous_mib();
  for (auto _ : state) {
    bench.take("s1");
    state.PauseTiming();
    state.counters["anonymous_MiB"] = anonymous_mib() - before;
    bench.drop("s1");
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kGuest));
}

void diff(benchmark::State& state) {
  guest();
  Bench bench;
  bench.take("s1");
  const double before = anonymous_mib();
  std::uint64_t round = 0;
  for (auto _ : state) {
    state.PauseTiming();
    guest().change_one_percent(++round);
    state.ResumeTiming();
    bench.take("s2", "s1");
    state.PauseTiming();
    state.counters["anonymous_MiB"] = anonymous_mib() - before;
    bench.drop("s2");
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kGuest));
}

void load(benchmark::State& state) {
  Bench bench;
  bench.take("s1");
  const double before = anonymous_mib();
  for (auto _ : state) {
    const Snapshot snapshot = must(bench.store.load("s1"));
    state.PauseTiming();
    state.counters["anonymous_MiB"] = anonymous_mib() - before;
    state.ResumeTiming();
  }
}

void read(benchmark::State& state, Checksums checksums) {
  Bench bench;
  bench.take("s1");
  const Snapshot snapshot = must(must(SnapshotStore::open(bench.directory, {.checksums = checksums})).load("s1"));
  std::vector<std::byte> scratch(2_MiB);
  for (auto _ : state) {
    for (ByteCount at = 0; at < kGuest; at += scratch.size()) {
      benchmark::DoNotOptimize(must(snapshot.memory->read(at, scratch.size(), scratch)).data());
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kGuest));
}

BENCHMARK_CAPTURE(floor_memory, warm, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(floor_memory, fresh, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(floor_file)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(full)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(diff)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(load)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(read, checked, Checksums::kChecked)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(read, unchecked, Checksums::kIgnored)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace snaphammer::snapshot

BENCHMARK_MAIN();
