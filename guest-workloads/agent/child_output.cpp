#include "guest-workloads/agent/child_output.h"

#include <algorithm>

#include <sys/ioctl.h>
#include <unistd.h>

namespace snaphammer::guest {
namespace {

// In base64 a piece stays well below agent::kMaxLine.
constexpr std::size_t kPiece = 32_KiB;

}  // namespace

ChildOutput::ChildOutput(const asio::any_io_executor& executor, UniqueFd pipe, std::shared_ptr<Child> child)
    : pipe_(executor, pipe.release()), child_(std::move(child)), piece_(kPiece, '\0') {}

Awaitable<std::string_view> ChildOutput::next() {
  while (!child_->ended()) {
    auto [error, n] = co_await pipe_.async_read_some(asio::buffer(piece_), as_result);
    if (n > 0) co_return std::string_view(piece_).substr(0, n);
    if (error != asio::error::operation_aborted) co_return std::string_view();
  }
  co_return take_rest();
}

// What is there when the child has ended, and no more: others may go on writing.
std::string_view ChildOutput::take_rest() {
  if (!left_) {
    left_ = 0;
    ::ioctl(pipe_.native_handle(), FIONREAD, &*left_);
  }
  const std::size_t most = std::min(piece_.size(), static_cast<std::size_t>(*left_));
  const ssize_t n = most == 0 ? 0 : ::read(pipe_.native_handle(), piece_.data(), most);
  if (n <= 0) return {};
  *left_ -= static_cast<int>(n);
  return std::string_view(piece_).substr(0, static_cast<std::size_t>(n));
}

void ChildOutput::child_ended() {
  boost::system::error_code ignored;
  pipe_.cancel(ignored);
}

}  // namespace snaphammer::guest
