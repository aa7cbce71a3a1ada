// What a language runtime writes to standard error as it ends its program: Go's "fatal error: ..." or "panic: ..." and the
// stacks after it, which may be longer than what is kept of any program's last words.
//
//   CrashReport report;
//   report.add(line);                          // each line of standard error, in order
//   if (!report.headline().empty()) ... report.text()
//
// Bounded in memory. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace snaphammer::guest {

class CrashReport {
 public:
  static constexpr std::size_t kMost = 12 * 1024;

  /// Without its newline.
  void add(std::string_view line);

  /// The line that says what happened: "fatal error: bad summary data". Empty while there is none.
  const std::string& headline() const { return headline_; }
  /// The few lines before the headline, where a runtime prints what it saw; the headline; and what follows, up to kMost.
  const std::string& text() const { return text_; }

 private:
  std::string headline_;
  std::string text_;
};

}  // namespace snaphammer::guest
