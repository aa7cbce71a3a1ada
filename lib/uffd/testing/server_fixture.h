// ServerFixture: a fake VMM and a page server that serves it, for every kind of memory.
//
// The memory has kPages host pages; those in kDataPages hold the pattern, the others are zeros.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <linux/userfaultfd.h>

#include "lib/base/testing/temporary_directory.h"
#include "lib/uffd/page_server.h"
#include "lib/uffd/testing/fake_vmm.h"
#include "lib/uffd/testing/pattern_source.h"
#include "lib/uffd/testing/stall.h"

namespace snaphammer::uffd {

class ServerFixture : public testing::TestWithParam<MemoryKind> {
 protected:
  static constexpr std::size_t kPages = 16;
  static constexpr std::size_t kDataPages = 10;  // The first ones.
  using Kind = ServerEvent::Kind;

  void SetUp() override {
    if (page_size() != kPageSize) {
      if (const Result<void> reserved = reserve_huge_pages(2 * kPages); !reserved) {
        GTEST_SKIP() << reserved.error().message();
      }
    }
  }
  void TearDown() override {
    // Threads stuck in the kernel because of a policy under test go on once nobody holds the userfaultfd.
    server_.reset();
    vmm_.reset();
  }

  ByteCount page_size() const { return GetParam().page_size; }
  /// The offset of host page `number`.
  ByteCount nth(std::size_t number) const { return number * page_size(); }
  ByteCount memory_size() const { return kPages * page_size(); }
  std::filesystem::path socket() const { return directory_ / "uffd.sock"; }

  std::shared_ptr<PatternSource> make_source() const {
    return std::make_shared<PatternSource>(memory_size(), std::vector<Extent>{{0, kDataPages * page_size()}});
  }

  /// Starts a server; nothing is handed off yet.
  void start_server(Policy policy, std::shared_ptr<const PageSource> source = nullptr,
                    std::vector<Extent> working_set = {}) {
    server_.reset();
    vmm_.reset();
    events_.clear();
    Result<std::unique_ptr<PageServer>> started =
        PageServer::start({.policy = policy,
                           .socket = socket(),
                           .source = source ? std::move(source) : make_source(),
                           .zeros_to_kernel = zeros_to_kernel_,
                           .working_set = std::move(working_set),
                           .on_event = [this](const ServerEvent& event) { note(event); }});
    ASSERT_TRUE(started) << started.error().describe();
    server_ = std::move(*started);
  }
  /// Starts a server and a VMM, and returns once faults are served.
  void restore(Policy policy, std::shared_ptr<const PageSource> source = nullptr,
               std::vector<Extent> working_set = {}) {
    start_server(policy, std::move(source), std::move(working_set));
    vmm_ = std::make_unique<FakeVmm>(GetParam(), region_sizes(), extra_features_);
    const Result<void> handed_off = vmm_->hand_off(socket());
    ASSERT_TRUE(handed_off) << handed_off.error().describe();
    ASSERT_TRUE(await_event(Kind::kHandedOff));
  }
  static Policy on_demand() { return {.prefetch = Prefetch::kOff}; }

  /// Two regions, so that every test crosses the border between address and offset.
  std::vector<ByteCount> region_sizes() const { return {nth(6), memory_size() - nth(6)}; }

  bool await_event(Kind kind) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return has_event(kind); });
  }
  bool seen(Kind kind) {
    const std::lock_guard lock(mutex_);
    return has_event(kind);
  }
  std::optional<Error> error_of(Kind kind) {
    const std::lock_guard lock(mutex_);
    for (const ServerEvent& event : events_) {
      if (event.kind == kind) return event.error;
    }
    return std::nullopt;
  }

  FakeVmm::Page pattern_page(std::size_t number) const {
    FakeVmm::Page page(page_size() / 8);
    for (std::size_t i = 0; i < page.size(); ++i) page[i] = pattern_word(nth(number) + 8 * i);
    return page;
  }
  FakeVmm::Page zero_page() const { return FakeVmm::Page(page_size() / 8); }
  std::optional<FakeVmm::Page> page(std::size_t number) { return vmm_->page(nth(number)); }
  bool remove(std::size_t number, std::size_t count = 1) { return vmm_->remove(nth(number), count * page_size()); }
  bool is_mapped(std::size_t number) const { return vmm_->is_mapped(nth(number)); }

  /// The state of host page `number` once everything read so far has been served.
  PageState state(std::size_t number) const {
    EXPECT_TRUE(server_->drain(std::chrono::seconds(30)));
    return state_now(number);
  }
  PageState state_now(std::size_t number) const {
    for (const StateRun& run : server_->page_states()) {
      if (nth(number) < run.extent.end()) return run.state;
    }
    ADD_FAILURE() << "no state for page " << number;
    return PageState::kMissing;
  }
  std::vector<TraceKind> history(std::size_t number) const {
    std::vector<TraceKind> kinds;
    for (const TraceEvent& event : history_of(server_->trace(), nth(number))) kinds.push_back(event.kind);
    return kinds;
  }

  TemporaryDirectory directory_;
  std::uint64_t extra_features_ = 0;
  bool zeros_to_kernel_ = false;
  std::unique_ptr<PageServer> server_;
  std::unique_ptr<FakeVmm> vmm_;

 private:
  bool has_event(Kind kind) const {
    return std::any_of(events_.begin(), events_.end(), [kind](const ServerEvent& e) { return e.kind == kind; });
  }
  void note(const ServerEvent& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ServerEvent> events_;
};

inline const auto kEveryKind = testing::Values(MemoryKind{false, 4_KiB}, MemoryKind{true, 4_KiB},
                                               MemoryKind{false, 2_MiB}, MemoryKind{true, 2_MiB});
inline std::string kind_name(const testing::TestParamInfo<MemoryKind>& info) { return info.param.name(); }

}  // namespace snaphammer::uffd
