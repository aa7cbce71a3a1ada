// The page server's knobs: what it does where real page servers have gone wrong.
//
//   Policy policy;                                                       // right in every respect
//   SNAP_ASSIGN(policy.on_remove, knob_from_name<OnRemove>("ignore"));   // the defect under test
//
// Each first value is right. Every other one brings a real defect back by its own mechanism; each knob is
// consumed at one place, which its comment names. Plain values: copy them freely.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/result.h"
#include "lib/base/units.h"

namespace snaphammer::uffd {

/// What a REMOVE event does to the pages that it names. Acts in GuestMemory::apply().
enum class OnRemove {
  kZero,    ///< They hold zeros from now on.
  kIgnore,  ///< Nothing is remembered: to the server they are pages not served yet, so that the next fault
            ///< copies the snapshot's bytes over memory that the guest had given up.
  kStop,    ///< The event is one the server does not know: it ends, and the guest freezes at the next fault.
};

/// What happens to a copy that failed with EAGAIN because an event is pending. Acts in GuestMemory::install().
enum class OnEagain {
  kDefer,  ///< It waits until the pending events have been read and applied, then it is examined anew.
  kDrop,   ///< The failure is taken for "somebody else serves it": the faulting thread waits for ever.
  kSpin,   ///< The copy is repeated at once, without reading on: it can never succeed.
};

/// In which order the events of one read are applied. Acts in GuestMemory::read_events().
enum class EventOrder {
  kRemovesFirst,  ///< REMOVE and the like before faults: the kernel delivers faults ahead of older REMOVEs.
  kAsRead,        ///< As delivered: a fault is served with what was known before the REMOVE next to it.
};

/// Which pages are installed before the guest asks for them. Acts in plan_prefetch().
enum class Prefetch {
  kAll,         ///< All data of the snapshot, in large copies.
  kOff,         ///< None.
  kWorkingSet,  ///< The pages that an earlier restore asked for, in that order.
};

struct Policy {
  OnRemove on_remove = OnRemove::kZero;
  OnEagain on_eagain = OnEagain::kDefer;
  EventOrder event_order = EventOrder::kRemovesFirst;
  Prefetch prefetch = Prefetch::kAll;
  /// How many faults are served at the same time; one more thread goes on reading events. At least 1.
  unsigned workers = 2;
  /// How much prefetch asks of the source at a time; a multiple of 4 KiB, at least one page.
  ByteCount prefetch_chunk = 2_MiB;
  /// How often a failed read of the source is repeated before it is reported.
  unsigned read_retries = 3;
};

/// The names of a knob's values in scenario files.
template <class Knob>
inline constexpr std::array<std::pair<std::string_view, Knob>, 0> kKnobNames;
template <>
inline constexpr std::array kKnobNames<OnRemove> = {std::pair<std::string_view, OnRemove>("zero", OnRemove::kZero),
                                                    std::pair<std::string_view, OnRemove>("ignore", OnRemove::kIgnore),
                                                    std::pair<std::string_view, OnRemove>("stop", OnRemove::kStop)};
template <>
inline constexpr std::array kKnobNames<OnEagain> = {std::pair<std::string_view, OnEagain>("defer", OnEagain::kDefer),
                                                    std::pair<std::string_view, OnEagain>("drop", OnEagain::kDrop),
                                                    std::pair<std::string_view, OnEagain>("spin", OnEagain::kSpin)};
template <>
inline constexpr std::array kKnobNames<EventOrder> = {
    std::pair<std::string_view, EventOrder>("removes-first", EventOrder::kRemovesFirst),
    std::pair<std::string_view, EventOrder>("as-read", EventOrder::kAsRead)};
template <>
inline constexpr std::array kKnobNames<Prefetch> = {
    std::pair<std::string_view, Prefetch>("all", Prefetch::kAll),
    std::pair<std::string_view, Prefetch>("off", Prefetch::kOff),
    std::pair<std::string_view, Prefetch>("working-set", Prefetch::kWorkingSet)};

template <class Knob>
constexpr std::string_view knob_name(Knob value) {
  for (const auto& [name, candidate] : kKnobNames<Knob>) {
    if (candidate == value) return name;
  }
  return "?";
}

/// The inverse; an unknown name is a kInvalid error that lists the known ones.
template <class Knob>
Result<Knob> knob_from_name(std::string_view text) {
  std::string known;
  for (const auto& [name, value] : kKnobNames<Knob>) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  return Error(ErrorKind::kInvalid, "'" + std::string(text) + "' is none of: " + known);
}

}  // namespace snaphammer::uffd
