#include "harness/engine/held_connections.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "lib/vsock/door_client.h"

namespace snaphammer::engine {
namespace {

using Stream = asio::generic::stream_protocol::socket;

/// For a reset that is under way to be heard of.
constexpr Duration kLastMoment = std::chrono::seconds(2);

std::string how_it_ended(const boost::system::error_code& error) {
  return error == asio::error::eof ? "ended by the other side" : error.message();
}

}  // namespace

Async<Stream> open_stream(asio::any_io_executor executor, HoldTarget target) {
  if (const auto* const vsock = std::get_if<VsockTarget>(&target)) {
    CO_SNAP_ASSIGN(vsock::DoorConnection opened, co_await vsock::connect_through(executor, vsock->door, vsock->port));
    co_return Stream(std::move(opened.socket));
  }
  const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(), std::get<TcpTarget>(target).port);
  asio::ip::tcp::socket socket(executor);
  auto [error] = co_await socket.async_connect(endpoint, as_result);
  if (error) co_return asio_error(fmt::format("connect to 127.0.0.1:{}", endpoint.port()), error);
  co_return Stream(std::move(socket));
}

Async<void> HeldConnections::open(HoldOptions options, HoldTarget target) {
  const TaskGroup::Membership here = tasks_.enter();
  CO_SNAP_ASSIGN(Socket socket, co_await open_stream(executor_, std::move(target)));
  if (!options.greeting.empty()) {
    auto [error, written] = co_await asio::async_write(socket, asio::buffer(options.greeting), as_result);
    if (error) co_return asio_error("greet", error);
  }
  auto held = std::make_shared<Held>(
      Held{.options = std::move(options), .socket = std::move(socket), .ended = Event(executor_)});
  held->counts = held->options.greeting.empty();
  held_.push_back(held);
  tasks_.spawn(watch(held));
  if (held->options.hold) tasks_.spawn(let_go_later(held));
  co_return Result<void>();
}

Awaitable<void> HeldConnections::watch(std::shared_ptr<Held> held) {
  std::array<std::byte, 4096> dropped{};
  for (;;) {
    auto [error, size] = co_await held->socket.async_read_some(asio::buffer(dropped), as_result);
    if (held->ended.is_set()) co_return;
    if (error) {
      held->how = how_it_ended(error);
      co_return let_go(*held);
    }
    held->counts = true;
  }
}

Awaitable<void> HeldConnections::let_go_later(std::shared_ptr<Held> held) {
  auto ended = co_await with_deadline(*held->options.hold, "hold", held->ended.wait());
  if (!ended) let_go(*held);
  if (!is_lost(*held)) held_.remove(held);
}

void HeldConnections::let_go(Held& held) {
  held.ended.set();
  boost::system::error_code ignored;
  static_cast<void>(held.socket.close(ignored));
}

void HeldConnections::cut(std::string what) {
  for (const auto& held : held_) held->cut_by = what;
}

bool HeldConnections::is_lost(const Held& held) {
  return held.options.must == Must::kLive && held.counts && held.how.has_value();
}

bool HeldConnections::must_be_dead(const Held& held) {
  return held.options.must == Must::kDie && !held.cut_by.empty() && !held.ended.is_set();
}

Awaitable<std::vector<report::Finding>> HeldConnections::look() {
  for (const auto& held : std::list<std::shared_ptr<Held>>(held_)) {
    if (must_be_dead(*held)) static_cast<void>(co_await with_deadline(kLastMoment, "end", held->ended.wait()));
  }
  std::vector<report::Finding> found;
  collect("connection-lost", "ended although they must live", is_lost, found);
  collect("hang", "are still open although they must end", must_be_dead, found);
  co_return found;
}

template <class Predicate>
void HeldConnections::collect(const std::string& id, const std::string& message, Predicate wrong,
                              std::vector<report::Finding>& found) {
  struct Group {
    std::size_t count = 0;
    std::map<std::string, std::size_t> how;
    std::string cut_by;
  };
  std::map<std::string, Group> groups;
  for (const auto& held : held_) {
    if (!wrong(*held) || std::exchange(held->looked_at, true)) continue;
    Group& group = groups[held->options.as];
    ++group.count;
    ++group.how[held->how.value_or("open")];
    group.cut_by = held->cut_by;
  }
  for (const auto& [as, group] : groups) {
    const std::string since = group.cut_by.empty() ? "" : " after " + group.cut_by;
    found.push_back({.id = id,
                     .oracle = "connections",
                     .message = fmt::format("{} of the connections {} {}{}", group.count, as, message, since),
                     .evidence = {{"as", as}, {"count", group.count}, {"how", group.how}, {"after", group.cut_by}}});
  }
}

void HeldConnections::release(const std::string& as) {
  for (const auto& held : held_) {
    if (held->options.as == as) let_go(*held);
  }
  held_.remove_if([&as](const auto& held) { return held->options.as == as && !is_lost(*held); });
}

std::size_t HeldConnections::open_count(const std::string& as) const {
  return static_cast<std::size_t>(std::count_if(
      held_.begin(), held_.end(), [&as](const auto& held) { return held->options.as == as && !held->ended.is_set(); }));
}

std::size_t HeldConnections::open_count() const {
  return static_cast<std::size_t>(
      std::count_if(held_.begin(), held_.end(), [](const auto& held) { return !held->ended.is_set(); }));
}

Awaitable<void> HeldConnections::end() {
  for (const auto& held : held_) let_go(*held);
  co_await tasks_.wait_idle();
  held_.clear();
}

}  // namespace snaphammer::engine
