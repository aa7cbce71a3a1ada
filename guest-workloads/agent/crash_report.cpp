#include "guest-workloads/agent/crash_report.h"

#include <algorithm>
#include <array>

namespace snaphammer::guest {
namespace {

constexpr std::size_t kBefore = 1024;  // Kept while there is no headline.

// How Go begins: its runtime's own checks, a panic that nothing recovers from, a signal outside of Go code.
constexpr std::array<std::string_view, 4> kHeadlines = {"fatal error: ", "panic: ", "SIGSEGV: ", "SIGBUS: "};

bool is_headline(std::string_view line) {
  return std::any_of(kHeadlines.begin(), kHeadlines.end(),
                     [line](std::string_view beginning) { return line.starts_with(beginning); });
}

}  // namespace

void CrashReport::add(std::string_view line) {
  if (headline_.empty() && is_headline(line)) headline_ = line.substr(0, kMost / 2);
  const bool begun = !headline_.empty();
  if (begun && text_.size() + line.size() >= kMost) {
    // As much of this line as there is room for, and nothing after it.
    if (text_.size() < kMost) text_ += line.substr(0, kMost - text_.size());
    return;
  }
  text_ += line;
  text_ += '\n';
  if (!begun && text_.size() > kBefore) text_.erase(0, text_.size() - kBefore);
}

}  // namespace snaphammer::guest
