// A queue of text lines with a bound in bytes: who writes waits for space, who reads takes many lines at once.
//
//   co_await lines.push(line);                       // writer; several may wait
//   co_await lines.wait();                           // reader: until there is something, or closed
//   std::string_view some = lines.peek(64_KiB);      // whole lines
//   ... hand them over ...
//   lines.consume(some.size());
//
// One io_context thread.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/notice.h"

namespace snaphammer::guest {

class BoundedLines {
 public:
  BoundedLines(const asio::any_io_executor& executor, std::size_t limit) : limit_(limit), changed_(executor) {}

  /// Adds a line, which ends in a newline, when there is space for more. After close() it is dropped.
  Awaitable<void> push(std::string line) {
    while (size() >= limit_ && !closed_) co_await changed_.wait();
    if (closed_) co_return;
    if (start_ > limit_) compact();
    text_ += line;
    changed_.notify();
  }
  /// Nothing more will come: wakes everybody.
  void close() {
    closed_ = true;
    changed_.notify();
  }

  std::size_t size() const { return text_.size() - start_; }
  bool closed() const { return closed_; }

  /// Returns when there are lines, or it is closed.
  Awaitable<void> wait() {
    while (size() == 0 && !closed_) co_await changed_.wait();
  }
  /// The first lines: as many as fit `most`, at least one; empty when there is none. Valid until the next
  /// suspension.
  std::string_view peek(std::size_t most) const {
    const std::string_view all = std::string_view(text_).substr(start_);
    if (all.size() <= most) return all;
    std::size_t end = all.rfind('\n', most - 1);
    if (end == std::string_view::npos) end = all.find('\n');
    return all.substr(0, end == std::string_view::npos ? all.size() : end + 1);
  }
  void consume(std::size_t bytes) {
    start_ += bytes;
    if (start_ == text_.size()) compact();
    changed_.notify();
  }

 private:
  void compact() {
    text_.erase(0, start_);
    start_ = 0;
  }

  std::size_t limit_;
  Notice changed_;
  std::string text_;
  std::size_t start_ = 0;
  bool closed_ = false;
};

}  // namespace snaphammer::guest
