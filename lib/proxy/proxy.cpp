#include "lib/proxy/proxy.h"

#include <algorithm>
#include <list>
#include <map>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "lib/proxy/connection.h"

namespace snaphammer::proxy {
namespace {

using boost::system::error_code;
using Stream = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Stream>;
using asio::ip::tcp;

/// After accept(2) failed for want of descriptors or memory, of which no event tells when there are some again.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

std::string text_of(const tcp::endpoint& endpoint) {
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

/// The TCP endpoint that `endpoint` is, if it is one.
std::optional<tcp::endpoint> tcp_of(const Stream::endpoint& endpoint) {
  if (endpoint.protocol().family() != AF_INET) return std::nullopt;
  tcp::endpoint result;
  std::copy_n(static_cast<const char*>(static_cast<const void*>(endpoint.data())), endpoint.size(),
              static_cast<char*>(static_cast<void*>(result.data())));
  return result;
}

std::string peer_of(const StreamSocket& client) {
  error_code error;
  const Stream::endpoint endpoint = client.remote_endpoint(error);
  const auto address = error ? std::nullopt : tcp_of(endpoint);
  return address ? text_of(*address) : "unix";
}

/// A bound address; gives it back when it is closed.
struct Bound {
  Acceptor acceptor;
  std::uint32_t guest_port;
  std::filesystem::path path = {};  ///< Of a Unix socket.

  void close() {
    error_code ignored;
    static_cast<void>(acceptor.close(ignored));
    std::error_code already_gone;
    if (!path.empty()) std::filesystem::remove(std::exchange(path, {}), already_gone);
  }
};

}  // namespace

class Proxy::Impl {
 public:
  Impl(asio::any_io_executor executor, std::filesystem::path door, InFlight& in_flight, Limits limits)
      : executor_(std::move(executor)),
        door_(std::move(door)),
        in_flight_(in_flight),
        limits_(limits),
        stopped_(executor_),
        tasks_(executor_) {}

  Result<ListenAddress> listen(const Stream::endpoint& endpoint, const std::string& name, std::filesystem::path path,
                               std::uint32_t guest_port) {
    const std::string what = "proxy: listen on " + name;
    if (stopped_.is_set()) return Error(ErrorKind::kUnavailable, what + ": refused, the proxy is being stopped");
    Acceptor acceptor(executor_);
    error_code error;
    static_cast<void>(acceptor.open(endpoint.protocol(), error));
    if (!error) static_cast<void>(acceptor.set_option(asio::socket_base::reuse_address(true), error));
    if (!error) static_cast<void>(acceptor.bind(endpoint, error));
    if (!error) static_cast<void>(acceptor.listen(asio::socket_base::max_listen_connections, error));
    const Stream::endpoint bound = error ? endpoint : acceptor.local_endpoint(error);
    if (error) return asio_error(what, error);
    listeners_.push_back({std::move(acceptor), guest_port, std::move(path)});
    tasks_.spawn(accept_clients(listeners_.back()));
    if (const auto address = tcp_of(bound)) return ListenAddress{text_of(*address), address->port()};
    return ListenAddress{name, 0};
  }

  Awaitable<void> stop() {
    stopped_.set();
    for (Bound& listener : listeners_) listener.close();
    for (const auto& [id, connection] : connections_) connection->end(Ending::kForced);
    co_await tasks_.wait_idle();
    listeners_.clear();
    stopped_.reset();
  }

  ProxyStats stats() const {
    ProxyStats stats = stats_;
    stats.open = connections_.size();
    return stats;
  }

  std::vector<ConnectionInfo> connections() const {
    std::vector<ConnectionInfo> infos;
    infos.reserve(connections_.size());
    for (const auto& [id, connection] : connections_) infos.push_back(connection->info());
    return infos;
  }

 private:
  Awaitable<void> accept_clients(Bound& listener) {
    while (!stopped_.is_set()) {
      auto [error, client] = co_await listener.acceptor.async_accept(as_result);
      if (stopped_.is_set()) co_return;
      if (error) {
        static_cast<void>(co_await with_deadline(kAcceptPause, "accept", stopped_.wait()));
        continue;
      }
      take(std::move(client), listener.guest_port);
    }
  }

  void take(StreamSocket client, std::uint32_t guest_port) {
    ++stats_.accepted;
    if (connections_.size() >= limits_.max_connections) {
      ++stats_.over_limit;
      return close_with_reset(client);
    }
    const std::uint64_t id = next_id_++;
    const ConnectionInfo info{
        .id = id, .guest_port = guest_port, .peer = peer_of(client), .opened = SteadyClock::now()};
    auto connection = std::make_shared<Connection>(std::move(client), info, limits_);
    auto entry = in_flight_.enter([weak = std::weak_ptr(connection)] {
      if (const auto alive = weak.lock()) alive->end(Ending::kForced);
    });
    if (!entry) {
      ++stats_.refused;
      return connection->end(Ending::kForced);
    }
    connections_.emplace(id, connection);
    stats_.most_open = std::max(stats_.most_open, connections_.size());
    tasks_.spawn(serve(std::move(connection), *std::move(entry)));
  }

  // The parameters live as long as the coroutine; the entry goes last, when the connection's sockets have.
  Awaitable<void> serve(std::shared_ptr<Connection> connection, InFlight::Entry /*in_flight*/) {
    const Ending why = co_await connection->run(door_);
    connections_.erase(connection->info().id);
    connection.reset();
    ++count_of(why);
  }

  std::uint64_t& count_of(Ending why) {
    switch (why) {
      case Ending::kOrderly:
        return stats_.orderly;
      case Ending::kBroken:
        return stats_.broken;
      case Ending::kUnreachable:
        return stats_.unreachable;
      case Ending::kIdle:
        return stats_.idle;
      case Ending::kForced:
        break;
    }
    return stats_.forced;
  }

  const asio::any_io_executor executor_;
  const std::filesystem::path door_;
  InFlight& in_flight_;
  const Limits limits_;
  Event stopped_;
  TaskGroup tasks_;
  std::list<Bound> listeners_;
  std::map<std::uint64_t, std::shared_ptr<Connection>> connections_;
  std::uint64_t next_id_ = 1;
  ProxyStats stats_;
};

Proxy::Proxy(asio::any_io_executor executor, std::filesystem::path door, InFlight& in_flight, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(door), in_flight, limits)) {}

Proxy::~Proxy() = default;

Result<ListenAddress> Proxy::listen(Listener listener, std::uint32_t guest_port) {
  if (const auto* const local = std::get_if<TcpListener>(&listener)) {
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), local->port);
    return impl_->listen(endpoint, text_of(endpoint), {}, guest_port);
  }
  const auto& path = std::get<UnixListener>(listener).path;
  if (path.string().size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(ErrorKind::kInvalid, "proxy: listen on " + path.string() + ": the path is too long for a Unix socket");
  }
  return impl_->listen(asio::local::stream_protocol::endpoint(path.string()), path.string(), path, guest_port);
}

ProxyStats Proxy::stats() const { return impl_->stats(); }
std::vector<ConnectionInfo> Proxy::connections() const { return impl_->connections(); }
Awaitable<void> Proxy::stop() { return impl_->stop(); }

}  // namespace snaphammer::proxy
