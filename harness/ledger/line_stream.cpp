#include "harness/ledger/line_stream.h"

#include <array>

#include <boost/asio/write.hpp>

namespace snaphammer::ledger {
namespace {

constexpr std::size_t kLongestLine = 256;

}  // namespace

Async<void> LineStream::write(std::string text) {
  auto [error, written] = co_await asio::async_write(socket_, asio::buffer(text), as_result);
  if (error) co_return asio_error("write to the ledger", error).as(ErrorKind::kGone);
  co_return Result<void>();
}

Async<std::string> LineStream::read() {
  std::array<char, 4096> bytes;
  std::size_t end = 0;
  while ((end = received_.find('\n')) == std::string::npos) {
    if (received_.size() > kLongestLine) co_return Error(ErrorKind::kInvalid, "the ledger says a line without end");
    auto [error, size] = co_await socket_.async_read_some(asio::buffer(bytes), as_result);
    if (error) co_return asio_error("read from the ledger", error).as(ErrorKind::kGone);
    received_.append(bytes.data(), size);
  }
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  co_return line;
}

void LineStream::close() {
  boost::system::error_code ignored;
  static_cast<void>(socket_.close(ignored));
}

}  // namespace snaphammer::ledger
