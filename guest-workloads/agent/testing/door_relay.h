// A hybrid vsock door for tests: what a VMM does between its Unix socket and a listener in the guest, here between two
// Unix sockets.
//
//   DoorRelay door(context, "/tmp/x/door", "/tmp/x/agent.sock");
//   door.reset_all();          // what a transport reset does to connections
//   door.stop();
#pragma once

#include <array>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "lib/base/async.h"

namespace snaphammer::guest {

class DoorRelay {
 public:
  DoorRelay(asio::io_context& context, const std::string& door, std::string agent)
      : acceptor_(context, Local::endpoint(door)), agent_(std::move(agent)) {
    asio::co_spawn(context, accept(), asio::detached);
  }

  void reset_all() {
    for (const auto& pair : pairs_) pair->close();
    pairs_.clear();
  }
  void stop() {
    acceptor_.close();
    reset_all();
  }
  std::size_t accepted() const { return accepted_; }

 private:
  using Local = asio::local::stream_protocol;
  struct Pair {
    Local::socket host;
    Local::socket guest;
    void close() {
      boost::system::error_code ignored;
      host.close(ignored);
      guest.close(ignored);
    }
  };

  Awaitable<void> accept() {
    while (true) {
      auto [error, socket] = co_await acceptor_.async_accept(as_result);
      if (error) co_return;
      ++accepted_;
      auto pair = std::make_shared<Pair>(Pair{std::move(socket), Local::socket(acceptor_.get_executor())});
      pairs_.push_back(pair);
      asio::co_spawn(acceptor_.get_executor(), open(pair), asio::detached);
    }
  }

  Awaitable<void> open(std::shared_ptr<Pair> pair) {
    std::string greeting;
    auto [error, n] = co_await asio::async_read_until(pair->host, asio::dynamic_buffer(greeting), '\n', as_result);
    const Local::endpoint agent(agent_);
    auto [refused] = co_await pair->guest.async_connect(agent, as_result);
    if (error || refused) {
      end(pair);
      co_return;
    }
    const std::string ok = "OK 1073741824\n";
    co_await asio::async_write(pair->host, asio::buffer(ok), as_result);
    asio::co_spawn(acceptor_.get_executor(), pump(pair, pair->host, pair->guest), asio::detached);
    asio::co_spawn(acceptor_.get_executor(), pump(pair, pair->guest, pair->host), asio::detached);
  }

  void end(const std::shared_ptr<Pair>& pair) {
    pair->close();
    pairs_.remove(pair);
  }

  Awaitable<void> pump(std::shared_ptr<Pair> pair, Local::socket& from, Local::socket& to) {
    std::array<char, 16384> bytes;
    while (true) {
      auto [read_error, n] = co_await from.async_read_some(asio::buffer(bytes), as_result);
      if (read_error) break;
      auto [write_error, written] = co_await asio::async_write(to, asio::buffer(bytes, n), as_result);
      if (write_error) break;
    }
    end(pair);
  }

  Local::acceptor acceptor_;
  std::string agent_;
  std::list<std::shared_ptr<Pair>> pairs_;
  std::size_t accepted_ = 0;
};

}  // namespace snaphammer::guest
