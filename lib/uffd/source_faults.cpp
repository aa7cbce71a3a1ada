#include "lib/uffd/source_faults.h"

#include <algorithm>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "lib/base/mapped_read.h"

namespace snaphammer::uffd {
namespace {

class FaultySource final : public PageSource {
 public:
  FaultySource(std::shared_ptr<const PageSource> source, std::shared_ptr<SourceFaults> faults)
      : source_(std::move(source)), faults_(std::move(faults)) {}

  ByteCount size() const override { return source_->size(); }
  const std::vector<Extent>& data() const override { return source_->data(); }

  Result<std::span<const std::byte>> read(ByteCount offset, std::size_t length,
                                          std::span<std::byte> scratch) const override {
    if (faults_->none()) return source_->read(offset, length, scratch);
    SNAP_TRY(faults_->before_read({offset, length}, interrupted_));
    SNAP_ASSIGN(const std::span<const std::byte> bytes, source_->read(offset, length, scratch));
    if (!faults_->changes({offset, length})) return bytes;
    const std::span<std::byte> copy = scratch.first(length);
    if (bytes.data() != copy.data() && !read_mapped([&] { std::memcpy(copy.data(), bytes.data(), length); })) {
      return Error(ErrorKind::kCorrupt, "the file of its bytes was cut off");
    }
    faults_->change({offset, length}, copy);
    return std::span<const std::byte>(copy);
  }

  Extent at_hand(ByteCount offset, std::size_t length) const override {
    return faults_->none() ? source_->at_hand(offset, length) : Extent{};
  }
  std::uint64_t at_hand_version() const override { return faults_->version() + source_->at_hand_version(); }
  void interrupt() const override {
    faults_->interrupt(interrupted_);
    source_->interrupt();
  }

 private:
  std::shared_ptr<const PageSource> source_;
  std::shared_ptr<SourceFaults> faults_;
  mutable std::atomic<bool> interrupted_ = false;
};

bool contains(Extent range, ByteCount offset) { return range.offset <= offset && offset < range.end(); }

}  // namespace

void SourceFaults::set_delay(std::optional<Delay> delay, OnAct on_act) {
  const std::lock_guard lock(mutex_);
  delay_ = {delay, std::move(on_act)};
  ++delay_version_;
  changed_locked();
}

void SourceFaults::set_read_errors(std::optional<ReadErrors> errors, OnAct on_act) {
  const std::lock_guard lock(mutex_);
  errors_ = {errors, std::move(on_act)};
  failed_.clear();
  changed_locked();
}

void SourceFaults::set_bit_flips(std::vector<BitFlip> flips, OnAct on_act) {
  const std::lock_guard lock(mutex_);
  flips_ = {std::move(flips), std::move(on_act)};
  changed_locked();
}

void SourceFaults::set_page_change(std::optional<PageChange> change, OnAct on_act) {
  const std::lock_guard lock(mutex_);
  page_change_ = {std::move(change), std::move(on_act)};
  changed_locked();
}

void SourceFaults::hold(const std::vector<ByteCount>& pages, OnHeld on_held) {
  const std::lock_guard lock(mutex_);
  held_ = {pages.begin(), pages.end()};
  on_held_ = std::move(on_held);
  changed_locked();
}

void SourceFaults::release(ByteCount page) {
  const std::lock_guard lock(mutex_);
  held_.erase(page);
  changed_locked();
}

void SourceFaults::release_all() { hold({}, {}); }

void SourceFaults::changed_locked() {
  any_.store(delay_.value || errors_.value || !flips_.value.empty() || page_change_.value || !held_.empty(),
             std::memory_order_release);
  version_.fetch_add(1, std::memory_order_release);
  changed_.notify_all();
}

void SourceFaults::interrupt(std::atomic<bool>& interrupted) {
  const std::lock_guard lock(mutex_);
  interrupted = true;
  changed_.notify_all();
}

Result<void> SourceFaults::before_read(Extent range, const std::atomic<bool>& interrupted) {
  std::unique_lock lock(mutex_);
  wait_while_held(lock, range, interrupted);
  if (delay_.value && std::uniform_real_distribution<double>(0, 1)(random_) < delay_.value->share) {
    delay(lock, interrupted);
  }
  return fail_locked(range.offset);
}

void SourceFaults::wait_while_held(std::unique_lock<std::mutex>& lock, Extent range,
                                   const std::atomic<bool>& interrupted) {
  for (auto held = held_.lower_bound(range.offset); !interrupted && held != held_.end() && *held < range.end();
       held = held_.lower_bound(range.offset)) {
    const ByteCount page = *held;
    if (on_held_) on_held_(page);
    changed_.wait(lock, [&] { return interrupted || !held_.contains(page); });
  }
}

void SourceFaults::delay(std::unique_lock<std::mutex>& lock, const std::atomic<bool>& interrupted) {
  const Delay& delay = *delay_.value;
  const auto length = std::uniform_int_distribution<Duration::rep>(delay.least.count(), delay.most.count())(random_);
  delay_.act();
  const std::uint64_t version = delay_version_;
  changed_.wait_until(lock, SteadyClock::now() + Duration(length),
                      [&] { return interrupted || delay_version_ != version; });
}

Result<void> SourceFaults::fail_locked(ByteCount offset) {
  if (!errors_.value) return {};
  std::mt19937_64 of_range(seed_ ^ offset);
  if (std::uniform_real_distribution<double>(0, 1)(of_range) >= errors_.value->share) return {};
  unsigned& failed = failed_[offset];
  if (failed >= errors_.value->times) return {};
  ++failed;
  errors_.act();
  return Error(ErrorKind::kIo,
               fmt::format("injected read error at {:#x}, {} of {}", offset, failed, errors_.value->times));
}

bool SourceFaults::changes(Extent range) const {
  const std::lock_guard lock(mutex_);
  if (page_change_.value && contains(range, page_change_.value->page)) return true;
  return std::any_of(flips_.value.begin(), flips_.value.end(),
                     [range](const BitFlip& flip) { return contains(range, flip.offset); });
}

void SourceFaults::change(Extent range, std::span<std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  if (page_change_.value && contains(range, page_change_.value->page)) {
    page_change_.value->change(bytes.subspan(page_change_.value->page - range.offset, kPageSize));
    page_change_.act();
  }
  for (const BitFlip& flip : flips_.value) {
    if (!contains(range, flip.offset)) continue;
    bytes[flip.offset - range.offset] ^= std::byte{1} << flip.bit;
    flips_.act();
  }
}

std::shared_ptr<const PageSource> with_faults(std::shared_ptr<const PageSource> source,
                                              std::shared_ptr<SourceFaults> faults) {
  return std::make_shared<FaultySource>(std::move(source), std::move(faults));
}

}  // namespace snaphammer::uffd
