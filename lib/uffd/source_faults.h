// SourceFaults: what goes wrong, on purpose, when a page server reads its source. The one place where such faults act.
//
//   auto faults = std::make_shared<SourceFaults>(seed);
//   PageServer::start({.source = with_faults(snapshot.memory(), faults), ...});
//   faults->set_delay(SourceFaults::Delay{.least = 10ms, .most = 50ms, .share = 0.1});
//   ...
//   faults->set_delay(std::nullopt);                      // whoever is being delayed goes on at once
//
// Thread-safe: set on one thread, felt by the server's. Several servers may share one, one after the other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/units.h"
#include "lib/uffd/page_source.h"

namespace snaphammer::uffd {

class SourceFaults {
 public:
  /// Reads take longer by a time between `least` and `most`, all equally likely.
  struct Delay {
    Duration least{};
    Duration most{};
    double share = 1;  ///< Of the reads, chosen at random.
  };
  /// The first `times` reads of a range fail.
  struct ReadErrors {
    unsigned times = 1;
    double share = 1;  ///< Of the ranges, chosen by their offset and the seed.
  };
  /// The source says that one bit is other than it is.
  struct BitFlip {
    ByteCount offset = 0;  ///< Of the byte.
    unsigned bit = 0;      ///< 0 to 7.
  };
  /// One page is other than it is. `change` is called on the server's threads with its bytes, each time that it is read.
  struct PageChange {
    ByteCount page = 0;  ///< Its offset.
    std::function<void(std::span<std::byte>)> change;
  };
  /// Called on the server's threads with each page that somebody waits for; must return soon and not call back.
  using OnHeld = std::function<void(ByteCount page)>;
  /// Called on the server's threads each time that something goes wrong; must return soon and not call back.
  using OnAct = std::function<void()>;

  explicit SourceFaults(std::uint64_t seed) : seed_(seed), random_(seed) {}

  void set_delay(std::optional<Delay> delay, OnAct on_act = {});
  void set_read_errors(std::optional<ReadErrors> errors, OnAct on_act = {});
  void set_bit_flips(std::vector<BitFlip> flips, OnAct on_act = {});
  void set_page_change(std::optional<PageChange> change, OnAct on_act = {});
  /// Whoever reads one of these pages waits until it is released: between the moment in which a fault was read and the
  /// one in which it is served, anything can happen. One call's pages at a time.
  void hold(const std::vector<ByteCount>& pages, OnHeld on_held);
  void release(ByteCount page);
  void release_all();

  /// Whether reads are as they should be, at this moment.
  bool none() const { return !any_.load(std::memory_order_acquire); }
  /// Changes with whatever is set.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  /// Called before a range is read: waits, and fails, as was set. Does not wait once `interrupted`.
  Result<void> before_read(Extent range, const std::atomic<bool>& interrupted);
  void interrupt(std::atomic<bool>& interrupted);
  /// Whether bytes of the range are to be other than they are, and makes them so.
  bool changes(Extent range) const;
  void change(Extent range, std::span<std::byte> bytes);

 private:
  template <class T>
  struct Setting {
    T value{};
    OnAct on_act;
    void act() const {
      if (on_act) on_act();
    }
  };
  void changed_locked();
  void delay(std::unique_lock<std::mutex>& lock, const std::atomic<bool>& interrupted);
  void wait_while_held(std::unique_lock<std::mutex>& lock, Extent range, const std::atomic<bool>& interrupted);
  Result<void> fail_locked(ByteCount offset);

  const std::uint64_t seed_;
  std::atomic<bool> any_ = false;
  std::atomic<std::uint64_t> version_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t delay_version_ = 0;
  std::mt19937_64 random_;
  Setting<std::optional<Delay>> delay_;
  Setting<std::optional<ReadErrors>> errors_;
  Setting<std::vector<BitFlip>> flips_;
  Setting<std::optional<PageChange>> page_change_;
  std::set<ByteCount> held_;
  OnHeld on_held_;
  std::map<ByteCount, unsigned> failed_;  // How often the read of a range has failed.
};

/// `source` as it looks through `faults`.
std::shared_ptr<const PageSource> with_faults(std::shared_ptr<const PageSource> source,
                                              std::shared_ptr<SourceFaults> faults);

}  // namespace snaphammer::uffd
