// What snapshots cost, each figure against a floor from a minimal loop of its own in the same run.
//
//   ci/bench store                             builds it, runs it, judges the bounds
//   store_bench --benchmark_filter=full        one of them; SNAPSHOT_BENCH_DIR=/path picks the file system (/dev/shm)
//
// full     a snapshot of 1 GiB of data without syncs, against copying 1 GiB into a fresh file of the same file system
//          and taking each page's checksum
// diff     the same with 1 % of the pages changed, evenly spread, against a full snapshot
// load     opening a snapshot; read: all of its memory in 2 MiB pieces, with and without checksums
// memory   the growth of this process's own memory by a loaded snapshot
//
// "At memory speed" means that the file system is memory: by default files are in /dev/shm, for the floor and for the
// store, and both have to allocate the pages that they write. What limits a full snapshot (perf, 2 CPUs, Linux 6.18) is
// the kernel's write path: allocating, clearing and copying pages (shmem_write_end, copy_folio_from_iter_atomic), then
// reading guest memory (_copy_to_iter). Checksums take a thread of their own and hide behind it, which is why the store
// can be faster than the floor. A diff reads and checksums everything and writes little.
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

#include "lib/base/testing/paired_rounds.h"
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

double seconds_since(TimePoint start) { return std::chrono::duration<double>(SteadyClock::now() - start).count(); }

/// Seconds to copy the guest into a fresh file and to take its pages' checksums.
double copy_and_checksum() {
  std::filesystem::create_directories(bench_directory());
  const std::string path = bench_directory() / "floor";
  std::vector<char> buffer(kChunk);
  const TimePoint start = SteadyClock::now();
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  for (ByteCount at = 0; at < kGuest; at += kChunk) {
    const auto offset = static_cast<off_t>(at);
    if (::pread(guest().fd(), buffer.data(), kChunk, offset) != ssize_t{kChunk}) std::abort();
    hash_pages(buffer.data(), kChunk);
    if (::pwrite(file.get(), buffer.data(), kChunk, offset) != ssize_t{kChunk}) std::abort();
  }
  const double seconds = seconds_since(start);
  std::filesystem::remove(path);
  return seconds;
}

/// Seconds to take snapshot `id`, which is then removed.
double take_and_drop(Bench& bench, const std::string& id, const std::string& parent = {}) {
  const TimePoint start = SteadyClock::now();
  bench.take(id, parent);
  const double seconds = seconds_since(start);
  bench.drop(id);
  return seconds;
}

void full(benchmark::State& state) {
  guest();
  Bench bench;
  PairedRounds rates;
  for (auto _ : state) {
    rates.measure([] { return 1 / copy_and_checksum(); }, [&] { return 1 / take_and_drop(bench, "s1"); });
  }
  state.SetLabel("GiB/s");
  rates.report(state, Bound::at_least(0.8));
}

void diff(benchmark::State& state) {
  guest();
  Bench bench;
  bench.take("s1");
  std::uint64_t round = 0;
  PairedRounds times;
  for (auto _ : state) {
    guest().change_one_percent(++round);
    times.measure([&] { return 1e3 * take_and_drop(bench, "full"); },
                  [&] { return 1e3 * take_and_drop(bench, "diff", "s1"); });
  }
  state.SetLabel("ms");
  times.report(state, Bound::at_most(0.35));
}

void load(benchmark::State& state) {
  Bench bench;
  bench.take("s1");
  for (auto _ : state) benchmark::DoNotOptimize(must(bench.store.load("s1")).memory.get());
}

void memory(benchmark::State& state) {
  Bench bench;
  bench.take("s1");
  double worst = 0;
  for (auto _ : state) {
    const double before = anonymous_mib();
    const Snapshot snapshot = must(bench.store.load("s1"));
    worst = std::max(worst, 100 * (anonymous_mib() - before) * 1_MiB / static_cast<double>(kGuest));
  }
  state.SetLabel("% of RAM");
  report_figure(state, worst, Bound::at_most(1));
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

BENCHMARK(full)->Iterations(9)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(diff)->Iterations(9)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(memory)->Iterations(1);
BENCHMARK(load)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(read, checked, Checksums::kChecked)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(read, unchecked, Checksums::kIgnored)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace snaphammer::snapshot

BENCHMARK_MAIN();
