// A guest behind a door, for tests of what connects through it: takes every port, and does with connections what it is
// told. And clients of a proxy: plain descriptors, nothing in them blocks.
#pragma once

#include <filesystem>
#include <list>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/async.h"
#include "lib/base/task_group.h"
#include "lib/base/unique_fd.h"

namespace snaphammer::proxy {

/// One end of a stream.
class Peer {
 public:
  Peer() = default;
  explicit Peer(UniqueFd fd) : fd_(std::move(fd)) {}

  static Peer tcp(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connected(AF_INET, &address, sizeof(address));
  }
  static Peer unix_path(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return connected(AF_UNIX, &address, sizeof(address));
  }

  /// How much of it went.
  std::size_t write(std::string_view bytes) {
    const ssize_t size = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }
  /// All that has come so far.
  const std::string& text() {
    char bytes[4096];
    for (ssize_t size = 1; size > 0;) {
      size = ::recv(fd_.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
      if (size > 0) text_.append(bytes, static_cast<std::size_t>(size));
      at_end_ = at_end_ || size == 0;
      was_reset_ = was_reset_ || (size < 0 && errno == ECONNRESET);
    }
    return text_;
  }
  bool at_end() { return text(), at_end_; }
  bool was_reset() { return text(), was_reset_; }
  void finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    fd_.reset();
  }

 private:
  static Peer connected(int family, const void* address, socklen_t size) {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), static_cast<const sockaddr*>(address), size), 0) << ::strerror(errno);
    return Peer(std::move(fd));
  }

  UniqueFd fd_;
  std::string text_;
  bool at_end_ = false;
  bool was_reset_ = false;
};

class FakeGuest {
 public:
  enum class Manner {
    kTake,    ///< Connections are for the test to use.
    kEcho,    ///< Says everything back, then ends.
    kRefuse,  ///< Nothing listens.
    kSilent,  ///< Never answers the CONNECT line.
  };

  FakeGuest(const asio::any_io_executor& executor, const std::filesystem::path& door, Manner manner)
      : manner_(manner), acceptor_(executor), tasks_(executor) {
    std::filesystem::remove(door);
    acceptor_ = Local::acceptor(executor, Local::endpoint(door.string()));
    tasks_.spawn(accept());
  }

  /// Those that have said their line, oldest first.
  struct Taken {
    std::string line;
    Peer peer;
  };
  std::list<Taken>& taken() { return taken_; }
  /// Clients of the door, whether or not they have said their line.
  int seen() const { return seen_; }

  /// Closes the door and everything behind it.
  Awaitable<void> end() {
    ended_ = true;
    boost::system::error_code ignored;
    static_cast<void>(acceptor_.close(ignored));
    for (Local::socket* socket : open_) static_cast<void>(socket->close(ignored));
    taken_.clear();
    co_await tasks_.wait_idle();
  }

 private:
  using Local = asio::local::stream_protocol;

  Awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(as_result);
      if (error) co_return;
      ++seen_;
      tasks_.spawn(serve(std::move(socket)));
    }
  }

  Awaitable<void> serve(Local::socket socket) {
    const auto place = open_.insert(open_.end(), &socket);
    co_await hear(socket);
    open_.erase(place);
  }

  Awaitable<void> hear(Local::socket& socket) {
    std::string line;
    auto [error, size] = co_await asio::async_read_until(socket, asio::dynamic_buffer(line), '\n', as_result);
    if (error || ended_ || manner_ == Manner::kRefuse) co_return;
    if (manner_ == Manner::kSilent) {
      char byte = 0;
      co_await socket.async_read_some(asio::buffer(&byte, 1), as_result);
      co_return;
    }
    co_await asio::async_write(socket, asio::buffer("OK 1073741824\n", 14), as_result);
    if (manner_ == Manner::kTake) {
      socket.native_non_blocking(true);
      taken_.push_back({line, Peer(UniqueFd(socket.release()))});
      co_return;
    }
    std::string bytes(4096, '\0');
    for (;;) {
      auto [read_error, count] = co_await socket.async_read_some(asio::buffer(bytes), as_result);
      if (read_error) co_return;
      co_await asio::async_write(socket, asio::buffer(bytes, count), as_result);
    }
  }

  Manner manner_;
  Local::acceptor acceptor_;
  TaskGroup tasks_;
  std::list<Taken> taken_;
  std::list<Local::socket*> open_;
  int seen_ = 0;
  bool ended_ = false;
};

}  // namespace snaphammer::proxy
