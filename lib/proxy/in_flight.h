// InFlight: what is under way between the world and a guest, and how a pause gets rid of it: refuse what is new, wait
// for what runs, force what is left to end.
//
//   CO_SNAP_ASSIGN(const InFlight::Entry entry, in_flight.enter([this] { close(); }));   // kRefused
//   ...                                                                     // counts until `entry` is destroyed
//
//   in_flight.refuse("the guest is being paused");
//   if (co_await in_flight.drain(5s) > 0) co_await in_flight.force_close();
//   in_flight.accept();
//
// One io_context thread, which all that is under way shares.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "lib/base/async.h"
#include "lib/base/notice.h"

namespace snaphammer::proxy {

class InFlight {
 public:
  /// Makes its holder let go of its Entry soon, by itself; called at most once, from force_close().
  using Interrupt = std::function<void()>;

  /// Counts as one for its lifetime; the InFlight outlives it.
  class Entry {
   public:
    Entry(Entry&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), id_(other.id_) {}
    Entry& operator=(Entry&&) = delete;
    ~Entry() {
      if (owner_ != nullptr) owner_->leave(id_);
    }

   private:
    friend class InFlight;
    Entry(InFlight& owner, std::uint64_t id) : owner_(&owner), id_(id) {}
    InFlight* owner_;
    std::uint64_t id_;
  };

  explicit InFlight(const asio::any_io_executor& executor) : changed_(executor), idle_(executor) { idle_.set(); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  /// kRefused with the reason given to refuse(), while that holds.
  Result<Entry> enter(Interrupt interrupt);

  void refuse(std::string reason) { refusal_ = std::move(reason); }
  void accept() { refusal_.reset(); }
  bool refuses() const { return refusal_.has_value(); }

  std::size_t count() const { return entries_.size(); }
  /// Returns as soon as nothing is under way, or after `grace`: how much still is. At once when nothing is.
  Awaitable<std::size_t> drain(Duration grace);
  /// Interrupts all that is under way now, and returns when that has ended: how much it was.
  Awaitable<std::size_t> force_close();

 private:
  void leave(std::uint64_t id);
  /// Whether something that entered before `end` is still there.
  bool any_before(std::uint64_t end) const { return !entries_.empty() && entries_.begin()->first < end; }

  Notice changed_;
  Event idle_;
  std::optional<std::string> refusal_;
  std::map<std::uint64_t, Interrupt> entries_;
  std::uint64_t next_id_ = 1;
};

}  // namespace snaphammer::proxy
