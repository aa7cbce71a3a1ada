// What the page server costs, each figure against a floor from a minimal loop of its own in the same run.
//
//   ci/bench uffd                                      builds it, runs it, judges the bounds
//   page_server_bench --benchmark_filter=fault_p50     one of them
//
// The guest's memory is this process's own. The floor of faults is one thread that polls, reads one event and copies one
// page from resident memory; the floor of prefetch is one thread that copies 2 MiB at a time. Both know nothing of
// removed pages, tracing, stopping or failing sources.
//
// What limits each (perf, 2 CPUs, Linux 6.18): a single fault is two wake-ups of a sleeping thread (schedule and
// finish_task_switch; about 9 of 11 us), which the floor pays too; of the server's own part, 0.8 us, half is the look at
// the page cache (mincore) and the rest locks and the clock. With four threads nobody sleeps: the kernel's UFFDIO_COPY
// (page allocation, the copy, waking) is what remains, 4 us a page. Prefetch is the kernel's copy and the page cache's
// bookkeeping (_copy_from_user, shmem_add_to_page_cache); reading ahead costs 1 %. A REMOVE storm is limited by madvise
// itself, which waits until its event was read: two context switches for each page.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include <benchmark/benchmark.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/residency.h"
#include "lib/base/testing/paired_rounds.h"
#include "lib/base/unique_fd.h"
#include "lib/uffd/page_server.h"
#include "lib/uffd/testing/fake_vmm.h"
#include "lib/uffd/testing/pattern_source.h"

namespace snaphammer::uffd {
namespace {

constexpr ByteCount kFaultMemory = 16_MiB;
constexpr ByteCount kGuest = 1_GiB;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "page_server_bench: %s\n", what.c_str());
  std::exit(1);
}

double seconds_since(TimePoint start) { return std::chrono::duration<double>(SteadyClock::now() - start).count(); }

/// A page source of `size` bytes, all data, in the page cache.
class CachedSource final : public PageSource {
 public:
  explicit CachedSource(ByteCount size) : data_({{0, size}}), file_(::memfd_create("source", MFD_CLOEXEC)) {
    if (!file_ || ::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) die("memfd");
    auto mapped = Mapping::map(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file_.get());
    if (!mapped) die(mapped.error().describe());
    mapping_ = std::move(*mapped);
    for (ByteCount at = 0; at < size; at += 8) {
      const std::uint64_t word = pattern_word(at);
      std::memcpy(mapping_.data() + at, &word, sizeof word);
    }
  }
  ByteCount size() const override { return data_.front().length; }
  const std::vector<Extent>& data() const override { return data_; }
  Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length, std::span<std::byte>) const override {
    return std::span<const std::byte>(mapping_.bytes()).subspan(offset, length);
  }
  Extent at_hand(ByteCount offset, std::size_t length) const override {
    const std::span<const std::byte> resident = resident_around(mapping_.bytes(), offset, length);
    return resident.empty() ? Extent{} : Extent{static_cast<ByteCount>(resident.data() - bytes()), resident.size()};
  }
  const std::byte* bytes() const { return mapping_.data(); }

 private:
  std::vector<Extent> data_;
  UniqueFd file_;
  Mapping mapping_;
};

std::shared_ptr<const CachedSource> small_source() {
  static const auto source = std::make_shared<const CachedSource>(kFaultMemory);
  return source;
}
std::shared_ptr<const CachedSource> guest_source() {
  static const auto source = std::make_shared<const CachedSource>(kGuest);
  return source;
}

/// The floor: serves `vmm` with nothing but poll, read and UFFDIO_COPY.
class MinimalServer {
 public:
  MinimalServer(const FakeVmm& vmm, const CachedSource& source)
      : uffd_(vmm.userfaultfd()), region_(vmm.regions().front()), source_(source), stop_(::eventfd(0, EFD_CLOEXEC)) {
    thread_ = std::thread([this] { serve(); });
  }
  ~MinimalServer() {
    const std::uint64_t one = 1;
    if (::write(stop_.get(), &one, sizeof one) != sizeof one) die("eventfd");
    thread_.join();
  }

 private:
  void serve() {
    pollfd fds[] = {{uffd_, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (::poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
      uffd_msg message{};
      if (::read(uffd_, &message, sizeof message) != sizeof message) continue;
      const std::uint64_t address = message.arg.pagefault.address / kPageSize * kPageSize;
      uffdio_copy copy{};
      copy.dst = address;
      copy.src = reinterpret_cast<std::uintptr_t>(source_.bytes() + (address - region_.base));
      copy.len = kPageSize;
      ::ioctl(uffd_, UFFDIO_COPY, &copy);
    }
  }

  int uffd_;
  Region region_;
  const CachedSource& source_;
  UniqueFd stop_;
  std::thread thread_;
};

/// A page server that has taken `vmm` over.
class Served {
 public:
  Served(FakeVmm& vmm, std::shared_ptr<const PageSource> source, Policy policy) {
    const std::filesystem::path socket =
        std::filesystem::temp_directory_path() / ("page-server-bench-" + std::to_string(::getpid()));
    auto started = PageServer::start(
        {.policy = policy, .socket = socket, .source = std::move(source), .on_event = [this](const ServerEvent& event) {
           note(event);
         }});
    if (!started) die(started.error().describe());
    server_ = std::move(*started);
    if (const auto handed_off = vmm.hand_off(socket); !handed_off) die(handed_off.error().describe());
    await(ServerEvent::Kind::kHandedOff);
  }
  ~Served() { server_.reset(); }

  void await(ServerEvent::Kind kind) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return (seen_ >> static_cast<unsigned>(kind) & 1) != 0; });
  }
  PageServer& server() { return *server_; }

 private:
  void note(const ServerEvent& event) {
    if (event.error) die(event.error->describe());
    const std::lock_guard lock(mutex_);
    seen_ |= 1U << static_cast<unsigned>(event.kind);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned seen_ = 0;
  std::unique_ptr<PageServer> server_;
};

void touch(const FakeVmm& vmm, ByteCount offset) {
  benchmark::DoNotOptimize(*static_cast<const volatile std::byte*>(vmm.at(offset)));
}

/// How long each fault of a walk through all pages takes, in microseconds, ascending.
std::vector<double> fault_times(const FakeVmm& vmm) {
  std::vector<double> times;
  times.reserve(kFaultMemory / kPageSize);
  for (ByteCount at = 0; at < kFaultMemory; at += kPageSize) {
    const TimePoint start = SteadyClock::now();
    touch(vmm, at);
    times.push_back(seconds_since(start) * 1e6);
  }
  std::sort(times.begin(), times.end());
  return times;
}

/// Pages per second that `threads` threads get together.
double fault_rate(const FakeVmm& vmm, unsigned threads) {
  const TimePoint start = SteadyClock::now();
  std::vector<std::thread> walkers;
  const ByteCount share = kFaultMemory / threads;
  for (unsigned i = 0; i < threads; ++i) {
    walkers.emplace_back([&vmm, share, begin = i * share] {
      for (ByteCount at = begin; at < begin + share; at += kPageSize) touch(vmm, at);
    });
  }
  for (std::thread& walker : walkers) walker.join();
  return static_cast<double>(kFaultMemory / kPageSize) / seconds_since(start);
}

/// Measures `walk(vmm)` on fresh memory under both servers.
template <class Walk>
void compare_faults(PairedRounds& rounds, bool shared, Walk walk) {
  rounds.measure(
      [&] {
        const FakeVmm vmm({.shared = shared}, {kFaultMemory});
        const MinimalServer floor(vmm, *small_source());
        return walk(vmm);
      },
      [&] {
        FakeVmm vmm({.shared = shared}, {kFaultMemory});
        const Served served(vmm, small_source(), {.prefetch = Prefetch::kOff});
        return walk(vmm);
      });
}

void fault_percentile(benchmark::State& state, bool shared, double part, double bound) {
  PairedRounds rounds;
  for (auto _ : state) {
    compare_faults(rounds, shared, [part](const FakeVmm& vmm) {
      const std::vector<double> times = fault_times(vmm);
      return times[static_cast<std::size_t>(part * static_cast<double>(times.size()))];
    });
  }
  state.SetLabel("us");
  rounds.report(state, Bound::at_most(bound));
}

void fault_throughput(benchmark::State& state, bool shared) {
  PairedRounds rounds;
  for (auto _ : state) compare_faults(rounds, shared, [](const FakeVmm& vmm) { return fault_rate(vmm, 4); });
  state.SetLabel("pages/s");
  rounds.report(state, Bound::at_least(0.9));
}

void prefetch(benchmark::State& state, bool shared) {
  const std::shared_ptr<const CachedSource> source = guest_source();
  constexpr double kGibibyte = 1;
  PairedRounds rounds;
  for (auto _ : state) {
    rounds.measure(
        [&] {
          const FakeVmm vmm({.shared = shared}, {kGuest});
          const TimePoint start = SteadyClock::now();
          for (ByteCount at = 0; at < kGuest; at += 2_MiB) {
            uffdio_copy copy{};
            copy.dst = vmm.regions().front().base + at;
            copy.src = reinterpret_cast<std::uintptr_t>(source->bytes() + at);
            copy.len = 2_MiB;
            if (::ioctl(vmm.userfaultfd(), UFFDIO_COPY, &copy) != 0) die("UFFDIO_COPY");
          }
          return kGibibyte / seconds_since(start);
        },
        [&] {
          FakeVmm vmm({.shared = shared}, {kGuest});
          const TimePoint start = SteadyClock::now();
          Served served(vmm, source, {.prefetch = Prefetch::kAll});
          served.await(ServerEvent::Kind::kPrefetched);
          return kGibibyte / seconds_since(start);
        });
  }
  state.SetLabel("GiB/s");
  rounds.report(state, Bound::at_least(0.9));
}

/// A balloon gives 100,000 single pages back while everything is prefetched; a vCPU goes on touching pages.
void remove_storm(benchmark::State& state, bool shared) {
  constexpr std::size_t kRemoves = 100'000;
  double worst = 0;
  for (auto _ : state) {
    FakeVmm vmm({.shared = shared}, {kGuest});
    Served served(vmm, guest_source(), {.prefetch = Prefetch::kAll});
    std::atomic<bool> storm_over = false;
    std::thread balloon([&] {
      for (std::size_t i = 0; i < kRemoves; ++i) {
        // Every second page, from both ends of memory in turn.
        const ByteCount offset = (i % 2 == 0 ? i : kGuest / kPageSize - i) * kPageSize;
        if (::madvise(vmm.at(offset), kPageSize, shared ? MADV_REMOVE : MADV_DONTNEED) != 0) die("madvise");
      }
      storm_over = true;
    });
    std::mt19937_64 random(1);
    while (!storm_over) {
      const TimePoint start = SteadyClock::now();
      touch(vmm, random() % (kGuest / kPageSize) * kPageSize);
      worst = std::max(worst, seconds_since(start) * 1e3);
    }
    balloon.join();
    state.counters["served_meanwhile"] = static_cast<double>(served.server().stats().faults);
    if (served.server().stats().removes < kRemoves) die("the storm was not seen");
  }
  state.SetLabel("ms");
  report_figure(state, worst, Bound::at_most(50));
}

/// stop() at moments all through a prefetch: it joins every thread.
void stop_during_prefetch(benchmark::State& state) {
  double worst = 0;
  auto moment = std::chrono::milliseconds(0);
  for (auto _ : state) {
    FakeVmm vmm({}, {kGuest});
    Served served(vmm, guest_source(), {.prefetch = Prefetch::kAll});
    std::this_thread::sleep_for(moment += std::chrono::milliseconds(7));
    const TimePoint start = SteadyClock::now();
    served.server().stop();
    worst = std::max(worst, seconds_since(start) * 1e3);
  }
  state.SetLabel("ms");
  report_figure(state, worst, Bound::at_most(10));
}

double anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib * 1024;
  }
  die("no RssAnon in /proc/self/status");
}

/// What the server takes for itself by the time it has served a quarter of the guest's pages on demand and removed some,
/// in percent of the guest's RAM.
void memory_overhead(benchmark::State& state) {
  const std::shared_ptr<const PageSource> source = guest_source();
  double worst = 0;
  for (auto _ : state) {
    FakeVmm vmm({.shared = true}, {kGuest});  // Shared: the guest's own pages do not count as this process's.
    const double before = anonymous_bytes();
    Served served(vmm, source, {.prefetch = Prefetch::kOff});
    for (ByteCount at = 0; at < kGuest; at += 4 * kPageSize) touch(vmm, at);
    for (ByteCount at = 0; at < 64_MiB; at += 8 * kPageSize) {
      if (::madvise(vmm.at(at), kPageSize, MADV_REMOVE) != 0) die("madvise");
    }
    worst = std::max(worst, 100 * (anonymous_bytes() - before) / static_cast<double>(kGuest));
  }
  state.SetLabel("% of RAM");
  report_figure(state, worst, Bound::at_most(1));
}

constexpr int kShortRounds = 41;
constexpr int kLongRounds = 7;

// First: later it would be given memory that others freed, and seem to need none.
BENCHMARK(memory_overhead)->Iterations(1);
BENCHMARK_CAPTURE(fault_percentile, p50_private, false, 0.50, 1.15)->Iterations(kShortRounds);
BENCHMARK_CAPTURE(fault_percentile, p50_shared, true, 0.50, 1.15)->Iterations(kShortRounds);
BENCHMARK_CAPTURE(fault_percentile, p99_private, false, 0.99, 1.5)->Iterations(kShortRounds);
BENCHMARK_CAPTURE(fault_percentile, p99_shared, true, 0.99, 1.5)->Iterations(kShortRounds);
BENCHMARK_CAPTURE(fault_throughput, private, false)->Iterations(kShortRounds);
BENCHMARK_CAPTURE(fault_throughput, shared, true)->Iterations(kShortRounds);
BENCHMARK_CAPTURE(prefetch, private, false)->Iterations(kLongRounds);
BENCHMARK_CAPTURE(prefetch, shared, true)->Iterations(kLongRounds);
BENCHMARK_CAPTURE(remove_storm, private, false)->Iterations(3);
BENCHMARK_CAPTURE(remove_storm, shared, true)->Iterations(3);
BENCHMARK(stop_during_prefetch)->Iterations(40);

}  // namespace
}  // namespace snaphammer::uffd

BENCHMARK_MAIN();
