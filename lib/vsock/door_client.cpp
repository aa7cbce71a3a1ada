#include "lib/vsock/door_client.h"

#include <algorithm>

#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <sys/un.h>

namespace snaphammer::vsock {
namespace {

using Local = asio::local::stream_protocol;

constexpr std::size_t kMaxAnswer = 64;

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return text;
}

}  // namespace

Async<DoorConnection> connect_through(asio::any_io_executor executor, std::filesystem::path door, std::uint32_t port) {
  const std::string what = "connect to port " + std::to_string(port) + " of the guest at " + door.string();
  if (door.string().size() >= sizeof(sockaddr_un::sun_path)) {
    co_return Error(ErrorKind::kInvalid, what + ": the path is too long for a Unix socket");
  }
  DoorConnection connection{Local::socket(executor), {}};
  const Local::endpoint endpoint(door.string());
  auto [connect_error] = co_await connection.socket.async_connect(endpoint, as_result);
  if (connect_error) co_return asio_error(what, connect_error).as(ErrorKind::kGone);

  const std::string line = "CONNECT " + std::to_string(port) + "\n";
  auto [write_error, written] = co_await asio::async_write(connection.socket, asio::buffer(line), as_result);
  if (write_error) co_return asio_error(what, write_error);

  std::string answer;
  auto [read_error, length] =
      co_await asio::async_read_until(connection.socket, asio::dynamic_buffer(answer, kMaxAnswer), '\n', as_result);
  if (read_error == asio::error::eof) {
    co_return Error(ErrorKind::kGone, what + ": refused").advise("nothing listens on that port in the guest (yet)");
  }
  if (read_error == asio::error::not_found || (!read_error && !answer.starts_with("OK "))) {
    co_return Error(ErrorKind::kInvalid, what + ": the door answered '" + one_line(answer) + "'");
  }
  if (read_error) co_return asio_error(what, read_error);
  connection.rest = answer.substr(length);
  co_return connection;
}

}  // namespace snaphammer::vsock
