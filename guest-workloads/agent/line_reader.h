// Cuts what comes in pieces into lines, with a bound: of a longer line only the beginning is kept.
//
//   lines.add(piece);
//   while (auto line = lines.next()) ...
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/agent/protocol.h"

namespace snaphammer::guest {

class LineReader {
 public:
  void add(std::string_view piece) { text_ += piece; }

  /// The next whole line without its newline.
  std::optional<std::string> next() {
    const std::size_t end = text_.find('\n', start_);
    if (end == std::string::npos) {
      text_.erase(0, start_);
      start_ = 0;
      if (text_.size() > kMost) {
        // Keep the beginning; the rest of this line is dropped as it comes.
        cut_ = cut_.empty() ? text_.substr(0, kMost) : cut_;
        text_.clear();
      }
      return std::nullopt;
    }
    std::string line = cut_.empty() ? text_.substr(start_, std::min(end - start_, kMost)) : std::move(cut_);
    cut_.clear();
    start_ = end + 1;
    return line;
  }

 private:
  static constexpr std::size_t kMost = agent::kMaxLine - 1;
  std::string text_;
  std::size_t start_ = 0;
  std::string cut_;  ///< The beginning of a line that is too long.
};

}  // namespace snaphammer::guest
