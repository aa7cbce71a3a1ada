// The argument `guest` of faults that can act on one of a run's guests: the run's own, a clone, or all.
//
//   struct Delay { std::string guest = kOwnGuest; ... };
//   void describe(Fields<Delay>& fields) { add_guest(fields, &Delay::guest); ... }
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "harness/engine/guest_sources.h"
#include "harness/faults/fault.h"

namespace snaphammer::faults {

inline constexpr auto kOwnGuest = engine::GuestSources::kOwn;

/// Of "clone-" and the number of one that a `clone` step starts, from 1; nothing of any other name.
inline std::optional<unsigned> number_of_clone(std::string_view name) {
  constexpr std::string_view kClone = "clone-";
  if (!name.starts_with(kClone)) return std::nullopt;
  name.remove_prefix(kClone.size());
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool good = error == std::errc() && end == name.data() + name.size() && number > 0 && name.front() != '0';
  return good ? std::optional(number) : std::nullopt;
}

inline bool is_guest_name(std::string_view name) {
  return name == engine::GuestSources::kOwn || name == engine::GuestSources::kAll || number_of_clone(name).has_value();
}

template <class Args>
void add_guest(Fields<Args>& fields, std::string Args::*guest) {
  fields.add("guest", guest, "Whose: `guest`, the run's own; `clone-1` and so on; or `all`.")
      .check([](const std::string& name, scenario::Reader& reader, const scenario::Node& node) {
        if (!is_guest_name(name)) reader.expected(node, "guest, all, or a clone such as clone-1");
      });
}

}  // namespace snaphammer::faults
