// Reads one output of a child to its end.
//
//   while (true) {
//     const std::string_view piece = co_await output.next();
//     if (piece.empty()) break;                  // nothing more will come
//   }
//
// The end is the end of the pipe, or the end of the child once everything it wrote has been taken: processes that it
// left behind may hold the pipe for ever. Whoever awaits the child's end calls child_ended(). One io_context thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "guest-workloads/agent/reaper.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::guest {

class ChildOutput {
 public:
  ChildOutput(const asio::any_io_executor& executor, UniqueFd pipe, std::shared_ptr<Child> child);

  /// The next bytes, valid until the next call; empty at the end.
  Awaitable<std::string_view> next();
  void child_ended();

 private:
  std::string_view take_rest();

  asio::posix::stream_descriptor pipe_;
  std::shared_ptr<Child> child_;
  std::string piece_;
  std::optional<int> left_;  ///< Bytes in the pipe when the child had ended that are not taken yet.
};

}  // namespace snaphammer::guest
