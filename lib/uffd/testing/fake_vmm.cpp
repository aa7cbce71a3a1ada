#include "lib/uffd/testing/fake_vmm.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/memfd.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/uffd/handoff_listener.h"

namespace snaphammer::uffd {
namespace {

constexpr std::chrono::seconds kFarTooLong(30);
constexpr int kHuge2Mib = 21 << MAP_HUGE_SHIFT;  // log2 of 2 MiB
constexpr char kHugePages[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
constexpr char kFreeHugePages[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::abort();
}

std::size_t read_count(const char* path) {
  std::size_t count = 0;
  std::ifstream(path) >> count;
  return count;
}

void write_count(const char* path, std::size_t count) { std::ofstream(path) << count; }

}  // namespace

Result<void> reserve_huge_pages(std::size_t count) {
  static const std::size_t before = read_count(kHugePages);
  const std::size_t free = read_count(kFreeHugePages);
  if (free >= count) return {};
  write_count(kHugePages, read_count(kHugePages) + count - free);
  static const int give_back = std::atexit([] { write_count(kHugePages, before); });
  static_cast<void>(give_back);
  if (read_count(kFreeHugePages) >= count) return {};
  return Error(ErrorKind::kUnfit, fmt::format("the host has {} of {} free 2 MiB pages, and raising {} gave no more",
                                              read_count(kFreeHugePages), count, kHugePages));
}

FakeVmm::OwnedRange::~OwnedRange() {
  if (start != nullptr) ::munmap(start, length);
}

FakeVmm::FakeVmm(MemoryKind kind, const std::vector<ByteCount>& region_sizes, std::uint64_t extra_features)
    : kind_(kind) {
  uffd_.reset(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  if (!uffd_) die("userfaultfd");
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = UFFD_FEATURE_EVENT_REMOVE | extra_features;
  if (::ioctl(uffd_.get(), UFFDIO_API, &api) < 0) die("UFFDIO_API");
  const bool huge = kind.page_size != kPageSize;
  ByteCount total = 0;
  for (const ByteCount size : region_sizes) total += size;
  if (kind.shared) {
    memory_file_.reset(::memfd_create("guest", MFD_CLOEXEC | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0)));
    if (!memory_file_ || ::ftruncate(memory_file_.get(), static_cast<off_t>(total)) < 0) die("memfd_create");
  }
  const int flags = kind.shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB | kHuge2Mib : 0);
  ByteCount offset = 0;
  for (const ByteCount size : region_sizes) {
    void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, kind.shared ? memory_file_.get() : -1,
                         kind.shared ? static_cast<off_t>(offset) : 0);
    if (start == MAP_FAILED) die("mmap of guest memory");
    mappings_.emplace_back(static_cast<std::byte*>(start), size);
    uffdio_register request{};
    request.range = {reinterpret_cast<std::uintptr_t>(start), size};
    request.mode = UFFDIO_REGISTER_MODE_MISSING;
    if (::ioctl(uffd_.get(), UFFDIO_REGISTER, &request) < 0) die("UFFDIO_REGISTER");
    regions_.push_back({reinterpret_cast<std::uintptr_t>(start), size, offset, kind.page_size});
    offset += size;
  }
}

FakeVmm::~FakeVmm() {
  unregister();
  uffd_.reset();
  for (std::thread& thread : threads_) thread.join();
}

Result<void> FakeVmm::hand_off(const std::filesystem::path& socket) {
  SNAP_ASSIGN(connection_, connect_handoff(socket));
  return send_handoff(connection_.get(), uffd_.get(), format_regions(regions_));
}

std::byte* FakeVmm::at(ByteCount offset) const {
  for (const Region& region : regions_) {
    if (offset >= region.offset && offset - region.offset < region.size) {
      return reinterpret_cast<std::byte*>(region.base) + (offset - region.offset);  // NOLINT: an address
    }
  }
  std::abort();
}

std::shared_future<FakeVmm::Page> FakeVmm::touch(ByteCount offset) {
  auto promise = std::make_shared<std::promise<Page>>();
  std::shared_future<Page> future = promise->get_future();
  threads_.emplace_back([this, offset, promise] {
    Page page(kind_.page_size / 8);
    std::memcpy(page.data(), at(offset / kind_.page_size * kind_.page_size), kind_.page_size);
    promise->set_value(std::move(page));
  });
  return future;
}

std::optional<FakeVmm::Page> FakeVmm::page(ByteCount offset) {
  const std::shared_future<Page> future = touch(offset);
  if (future.wait_for(kFarTooLong) == std::future_status::ready) return future.get();
  ADD_FAILURE() << "nobody served the page at " << offset;
  return std::nullopt;
}

void FakeVmm::write(ByteCount offset, std::uint64_t word) { std::memcpy(at(offset), &word, sizeof word); }

std::shared_future<bool> FakeVmm::start_remove(ByteCount offset, ByteCount length) {
  auto promise = std::make_shared<std::promise<bool>>();
  std::shared_future<bool> future = promise->get_future();
  remover_ = 0;
  threads_.emplace_back([this, offset, length, promise] {
    remover_ = ::gettid();
    promise->set_value(::madvise(at(offset), length, kind_.shared ? MADV_REMOVE : MADV_DONTNEED) == 0);
  });
  return future;
}

bool FakeVmm::remove(ByteCount offset, ByteCount length) {
  const std::shared_future<bool> removed = start_remove(offset, length);
  return removed.wait_for(kFarTooLong) == std::future_status::ready && removed.get();
}

bool FakeVmm::plant(ByteCount offset, std::uint64_t word) {
  const Page bytes(kind_.page_size / 8, word);
  uffdio_copy request{};
  request.dst = reinterpret_cast<std::uintptr_t>(at(offset));
  request.src = reinterpret_cast<std::uintptr_t>(bytes.data());
  request.len = kind_.page_size;
  return ::ioctl(uffd_.get(), UFFDIO_COPY, &request) == 0;
}

bool FakeVmm::await_remove_raised() const {
  const TimePoint deadline = SteadyClock::now() + kFarTooLong;
  for (; SteadyClock::now() < deadline; std::this_thread::yield()) {
    // From the moment of a REMOVE on the kernel refuses to change the memory, which this change of nothing asks for;
    // then the thread goes to sleep, uninterruptibly, with the event queued.
    uffdio_writeprotect request{};
    request.range = {regions_.front().base, regions_.front().page_size};
    if (::ioctl(uffd_.get(), UFFDIO_WRITEPROTECT, &request) == 0 || errno != EAGAIN) continue;
    std::ifstream file(fmt::format("/proc/self/task/{}/stat", remover_.load()));
    const std::string stat((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const std::size_t name_end = stat.rfind(')');
    if (name_end != std::string::npos && stat[name_end + 2] == 'D') return true;
  }
  return false;
}

bool FakeVmm::await_unread_event() const {
  pollfd fds = {uffd_.get(), POLLIN, 0};
  return ::poll(&fds, 1, static_cast<int>(std::chrono::milliseconds(kFarTooLong).count())) == 1;
}

bool FakeVmm::is_mapped(ByteCount offset) const {
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::uint64_t entry = 0;
  const std::uintptr_t number = reinterpret_cast<std::uintptr_t>(at(offset)) / kPageSize;
  if (::pread(pagemap.get(), &entry, sizeof entry, static_cast<off_t>(number * sizeof entry)) != sizeof entry) {
    die("read /proc/self/pagemap");
  }
  return (entry >> 63) != 0;
}

void FakeVmm::unregister() {
  for (const Region& region : regions_) {
    uffdio_range range = {region.base, region.size};
    ::ioctl(uffd_.get(), UFFDIO_UNREGISTER, &range);
  }
}

}  // namespace snaphammer::uffd
