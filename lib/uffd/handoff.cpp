#include "lib/uffd/handoff.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>

#include "lib/base/descriptor_message.h"

namespace snaphammer::uffd {
namespace {

using nlohmann::json;

Error invalid(std::string message) {
  return Error(ErrorKind::kInvalid, "hand-off: " + std::move(message))
      .advise("check that the VMM sends Firecracker's hand-off format");
}

/// What another program sent, fit for a message: not long, and nothing in it that a terminal or a JSON file minds.
std::string printable(std::string_view text) {
  constexpr std::size_t kEnough = 200;
  std::string shown(text.substr(0, kEnough));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  if (text.size() > kEnough) shown += "...";
  return shown;
}

/// Parses `text`; fails on a key that one object has twice, which nlohmann_json would let win silently.
Result<json> parse_without_duplicates(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  std::optional<std::string> duplicate;
  const auto check = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      duplicate = value.get<std::string>();
    }
    return true;
  };
  try {
    json parsed = json::parse(text, check);
    if (duplicate) return invalid("field '" + printable(*duplicate) + "' appears twice in one region");
    return parsed;
  } catch (const json::exception& error) {
    return invalid("not JSON: " + printable(error.what()));
  }
}

Result<std::uint64_t> unsigned_field(const json& region, std::size_t index, const char* name) {
  const auto found = region.find(name);
  if (found == region.end()) return invalid(fmt::format("region {}: no field '{}'", index, name));
  if (!found->is_number_unsigned()) {
    const std::string what = found->is_number() ? found->dump() : found->type_name();
    return invalid(fmt::format("region {}: '{}' is {}, not an unsigned number", index, name, what));
  }
  return found->get<std::uint64_t>();
}

Result<ByteCount> page_size_of(const json& region, std::size_t index) {
  std::optional<ByteCount> size;
  for (const char* name : {"page_size", "page_size_kib"}) {
    if (!region.contains(name)) continue;
    SNAP_ASSIGN(const ByteCount value, unsigned_field(region, index, name));
    if (size && *size != value) {
      return invalid(
          fmt::format("region {}: page_size {} and page_size_kib {} differ (both are bytes)", index, *size, value));
    }
    size = value;
  }
  if (!size) return invalid(fmt::format("region {}: no field 'page_size'", index));
  return *size;
}

Result<void> check_region(const Region& region, std::size_t index, ByteCount memory_size) {
  const auto bad = [index](std::string what) { return invalid(fmt::format("region {}: {}", index, what)); };
  if (region.page_size != 4_KiB && region.page_size != 2_MiB) {
    return bad(fmt::format("page size {} is neither 4096 nor 2097152 bytes", region.page_size));
  }
  if (region.size == 0) return bad("empty");
  for (const auto& [name, value] : {std::pair("base_host_virt_addr", region.base), std::pair("size", region.size),
                                    std::pair("offset", region.offset)}) {
    if (value % region.page_size != 0) {
      return bad(fmt::format("{} {:#x} is not a multiple of its page size {:#x}", name, value, region.page_size));
    }
  }
  if (region.base + region.size < region.base) {
    return bad(fmt::format("{:#x} + {:#x} exceeds the address space", region.base, region.size));
  }
  if (region.offset > memory_size || region.size > memory_size - region.offset) {
    return bad(fmt::format("offset {:#x} + size {:#x} exceeds the snapshot's memory of {:#x} bytes", region.offset,
                           region.size, memory_size));
  }
  return {};
}

/// Looks for two regions that share a byte in the dimension that starts at `start`.
Result<void> check_overlap(std::vector<Region> regions, ByteCount Region::*start, const char* what) {
  std::sort(regions.begin(), regions.end(), [start](const Region& a, const Region& b) { return a.*start < b.*start; });
  for (std::size_t i = 1; i < regions.size(); ++i) {
    if (regions[i].*start - regions[i - 1].*start < regions[i - 1].size) {
      return invalid(fmt::format("two regions overlap in {} at {:#x}", what, regions[i].*start));
    }
  }
  return {};
}

/// Where the JSON array ends that `text` begins with; nullopt while it is incomplete.
std::optional<std::size_t> end_of_array(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if ((c == ']' || c == '}') && --depth == 0) {
      return i + 1;
    }
  }
  return std::nullopt;
}

/// A stream may glue messages together: the last complete array of `received`, if nothing follows it.
Result<std::optional<std::string_view>> last_message(std::string_view received) {
  std::optional<std::string_view> last;
  for (;;) {
    const std::size_t start = received.find_first_not_of(std::string_view(" \t\r\n\0", 5));
    if (start == std::string_view::npos) return last;
    received.remove_prefix(start);
    if (received.front() != '[') return invalid("not a JSON array");
    const std::optional<std::size_t> end = end_of_array(received);
    if (!end) return std::optional<std::string_view>();
    last = received.substr(0, *end);
    received.remove_prefix(*end);
  }
}

Result<void> await_readable(int connection, int stop_fd, TimePoint deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) return Error(ErrorKind::kTimeout, "hand-off: the VMM connected but sent none in time");
    std::array<pollfd, 2> fds = {pollfd{connection, POLLIN, 0}, pollfd{stop_fd, POLLIN, 0}};
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(std::min<long>(left.count(), 1000)));
    if (ready < 0 && errno != EINTR) return errno_error("hand-off: poll");
    if (ready > 0 && fds[1].revents != 0) return Error(ErrorKind::kCancelled, "hand-off: cancelled");
    if (ready > 0 && fds[0].revents != 0) return {};
  }
}

/// One recvmsg: appends the bytes to `text` and returns the descriptors that came with them.
Result<std::vector<UniqueFd>> receive_message(int connection, std::string& text) {
  std::array<char, 4096> bytes;
  std::vector<UniqueFd> descriptors;
  const ssize_t length = receive_with_descriptors(connection, bytes, descriptors, MSG_DONTWAIT);
  if (length < 0) {
    if (errno == EAGAIN || errno == EINTR) return std::vector<UniqueFd>();
    if (errno == EMSGSIZE) return invalid("more descriptors than can be received");
    return errno_error("hand-off: recvmsg");
  }
  if (length == 0) return Error(ErrorKind::kGone, "hand-off: the VMM closed the connection before handing off");
  text.append(bytes.data(), static_cast<std::size_t>(length));
  return descriptors;
}

}  // namespace

Result<std::vector<Region>> parse_regions(std::string_view text) {
  SNAP_ASSIGN(const json parsed, parse_without_duplicates(text));
  if (!parsed.is_array()) return invalid("not a JSON array");
  if (parsed.empty()) return invalid("no memory region");
  std::vector<Region> regions;
  for (const json& entry : parsed) {
    const std::size_t index = regions.size();
    if (!entry.is_object()) return invalid(fmt::format("region {}: not an object", index));
    Region region;
    SNAP_ASSIGN(region.base, unsigned_field(entry, index, "base_host_virt_addr"));
    SNAP_ASSIGN(region.size, unsigned_field(entry, index, "size"));
    SNAP_ASSIGN(region.offset, unsigned_field(entry, index, "offset"));
    SNAP_ASSIGN(region.page_size, page_size_of(entry, index));
    regions.push_back(region);
  }
  return regions;
}

std::string format_regions(const std::vector<Region>& regions) {
  json array = json::array();
  for (const Region& region : regions) {
    array.push_back({{"base_host_virt_addr", region.base},
                     {"size", region.size},
                     {"offset", region.offset},
                     {"page_size", region.page_size},
                     {"page_size_kib", region.page_size}});
  }
  return array.dump();
}

Result<void> check_regions(const std::vector<Region>& regions, ByteCount memory_size) {
  ByteCount covered = 0;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    SNAP_TRY(check_region(regions[i], i, memory_size));
    covered += regions[i].size;
  }
  SNAP_TRY(check_overlap(regions, &Region::base, "the VMM's addresses"));
  SNAP_TRY(check_overlap(regions, &Region::offset, "the memory file"));
  if (covered != memory_size) {
    return invalid(fmt::format("regions cover {:#x} bytes of the snapshot's {:#x}", covered, memory_size))
        .advise("restore into a VM with the memory size of the snapshot");
  }
  return {};
}

Result<Handoff> receive_handoff(int connection, int stop_fd, Duration limit) {
  const TimePoint deadline = SteadyClock::now() + limit;
  std::string received;
  UniqueFd userfaultfd;
  int without_descriptor = 0;
  for (;;) {
    SNAP_TRY(await_readable(connection, stop_fd, deadline));
    const std::size_t before = received.size();
    SNAP_ASSIGN(std::vector<UniqueFd> descriptors, receive_message(connection, received));
    if (descriptors.size() + (userfaultfd ? 1 : 0) > 1) {
      return invalid(fmt::format("{} descriptors, one was expected", descriptors.size() + (userfaultfd ? 1 : 0)));
    }
    if (received.size() > kMaxHandoffBytes) return invalid("longer than 64 KiB");
    if (!descriptors.empty()) userfaultfd = std::move(descriptors.front());
    if (!userfaultfd) {
      if (received.size() > before && ++without_descriptor > kMaxMessagesWithoutDescriptor) {
        return invalid(fmt::format("{} messages without a descriptor", without_descriptor));
      }
      continue;
    }
    SNAP_ASSIGN(const std::optional<std::string_view> message, last_message(received));
    if (!message) continue;
    SNAP_ASSIGN(std::vector<Region> regions, parse_regions(*message));
    return Handoff{std::move(userfaultfd), std::move(regions), std::string(*message)};
  }
}

Result<void> send_handoff(int connection, int userfaultfd, std::string_view text) {
  const ssize_t sent = send_with_descriptors(connection, text, std::array{userfaultfd}, MSG_NOSIGNAL);
  if (sent < 0) return errno_error("send the hand-off");
  if (static_cast<std::size_t>(sent) != text.size()) {
    return Error(ErrorKind::kIo, fmt::format("send the hand-off: {} of {} bytes were taken", sent, text.size()));
  }
  return {};
}

}  // namespace snaphammer::uffd
