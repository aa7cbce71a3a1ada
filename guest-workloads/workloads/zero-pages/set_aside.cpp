#include "guest-workloads/workloads/zero-pages/set_aside.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/memory_map.h"

namespace snaphammer::zero_pages {
namespace {

using workload::JsonObject;

constexpr std::string_view kSetAside = "set-aside ";
// An answer is one line, which has room for so many addresses: lib/agent/protocol.h, kMaxLine.
constexpr std::size_t kMost = 4096;

}  // namespace

bool SetAside::obey(const std::string& command) {
  command_ = command;
  if (command == "take-back zeros") {
    take_back(Content::kZeros);
  } else if (command == "take-back written") {
    take_back(Content::kWritten);
  } else if (command.starts_with(kSetAside)) {
    std::size_t count = 0;
    const char* const end = command.data() + command.size();
    const auto [parsed, error] = std::from_chars(command.data() + kSetAside.size(), end, count);
    if (error != std::errc() || parsed != end || count == 0 || count > kMost) {
      refuse("expected a number of pages from 1 to " + std::to_string(kMost));
    } else {
      set_aside(count);
    }
  } else {
    return false;
  }
  return true;
}

void SetAside::pages_filled() {
  if (wanted_ != 0) set_aside(wanted_);
}

void SetAside::set_aside(std::size_t count) {
  wanted_ = 0;
  // The rest goes on as the workload's own.
  const std::size_t most = sweep_.pages() / 2;
  if (pages_.size() + count > most) {
    return refuse("of " + std::to_string(sweep_.pages()) + " pages at most half can be set aside; " +
                  std::to_string(pages_.size()) + " are");
  }
  if (sweep_.filled_pages() < count) {
    wanted_ = count;
    return;
  }
  std::vector<std::uint64_t> addresses;
  while (addresses.size() < count) {
    const std::size_t page = sweep_.next_filled(choice_.below(sweep_.pages()));
    if (!pinned_.pin(sweep_.address(page))) return refuse(std::string("pin a page: ") + std::strerror(errno));
    const auto physical = workload::physical_address(reinterpret_cast<std::uintptr_t>(sweep_.address(page)));
    if (!physical) return refuse("/proc/self/pagemap does not tell where a page is: it takes CAP_SYS_ADMIN");
    sweep_.set_aside(page);
    pages_.push_back(page);
    addresses.push_back(*physical);
  }
  output_.write(JsonObject("set-aside").add("pages", addresses).line());
  output_.flush();
}

void SetAside::take_back(Content expected) {
  for (const std::size_t page : pages_) sweep_.take_back(page, expected);
  pinned_.release();
  counters_.taken_back += pages_.size();
  output_.write(JsonObject("taken-back").add("pages", pages_.size()).line());
  output_.flush();
  pages_.clear();
}

void SetAside::refuse(const std::string& why) {
  output_.write(workload::refused_line(command_, why));
  output_.flush();
}

}  // namespace snaphammer::zero_pages
