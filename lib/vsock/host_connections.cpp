// How connections begin and end.
#include <algorithm>
#include <cassert>
#include <ranges>

#include <sys/random.h>
#include <sys/socket.h>

#include "lib/vsock/host_impl.h"

namespace snaphammer::vsock {
namespace {

std::uint32_t random_host_port() {
  std::uint32_t value = 0;
  // Up to 256 bytes are never cut short, getrandom(2); a failure would leave the first port, which also works.
  static_cast<void>(::getrandom(&value, sizeof(value), 0));
  return kFirstHostPort + value % (kLastHostPort - kFirstHostPort + 1);
}

}  // namespace

Host::Impl::Impl(const asio::any_io_executor& executor, HostOptions options, PacketSocket packets)
    : executor_(executor),
      options_(std::move(options)),
      packets_(std::move(packets)),
      gate_([this](const PacketContext& context, VerdictKind verdict) {
        if (options_.trace) {
          options_.trace({.context = context, .verdict = verdict, .at = SteadyClock::now()});
        }
      }),
      ended_(executor),
      may_send_(executor),
      gate_timer_(executor, TimePoint::max()),
      next_host_port_(options_.first_host_port.value_or(random_host_port())) {}

Result<void> Host::Impl::open_door() {
  SNAP_ASSIGN(
      Door door,
      Door::open(executor_, {.path = options_.path,
                             .max_pending = options_.max_pending,
                             .line_timeout = options_.line_timeout,
                             .on_client = [this](UnixSocket client, std::uint32_t port, const std::string& rest) {
                               open_to_guest(std::move(client), port, rest);
                             }}));
  door_.emplace(std::move(door));
  return {};
}

void Host::Impl::deliver(const Packet& packet) {
  const Header& header = packet.header;
  if (const Link link = find({header.dst_port, header.src_port})) {
    link->connection().receive(packet);
    const bool established = link->connection().state() == ConnectionState::kEstablished;
    if (established && !link->is_started()) {
      link->start("OK " + std::to_string(header.dst_port) + "\n");
    }
    settle(*link);
    return;
  }
  if (header.op == Op::kRequest) return open_from_guest(packet);
  ++counters_.strays;
  if (header.op != Op::kRst) send_rst({.packet = reset_for(header), .connection = {}});
}

void Host::Impl::open_from_guest(const Packet& request) {
  const auto refuse = [&](std::uint64_t& counter) {
    ++counter;
    send_rst({.packet = reset_for(request.header), .connection = {}});
  };
  if (is_full(Initiator::kGuest)) return refuse(counters_.over_limit);
  auto socket = connect_listener(request.header.dst_port);
  if (!socket) return refuse(counters_.refused_by_host);
  const Link link =
      add_link(std::move(*socket), Connection::from_guest(request.header, options_.limits), Initiator::kGuest);
  ++counters_.opened_by_guest;
  link->start("");
  settle(*link);
}

std::optional<UnixSocket> Host::Impl::connect_listener(std::uint32_t port) {
  const std::string path = options_.path.string() + "_" + std::to_string(port);
  UnixSocket socket(executor_);
  boost::system::error_code error;
  static_cast<void>(socket.open(asio::local::stream_protocol(), error));
  // On a Unix socket a connect that does not block ends at once: connected, refused, or the backlog is full.
  if (!error) static_cast<void>(socket.native_non_blocking(true, error));
  if (error) return std::nullopt;
  const asio::local::stream_protocol::endpoint endpoint(path);
  if (::connect(socket.native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    return std::nullopt;
  }
  return socket;
}

void Host::Impl::open_to_guest(UnixSocket client, std::uint32_t guest_port, const std::string& rest) {
  if (is_full(Initiator::kHost)) {
    ++counters_.over_limit;
    return;
  }
  Connection connection = Connection::to_guest(
      {.guest_cid = options_.guest_cid, .guest_port = guest_port, .host_port = take_host_port()}, options_.limits);
  connection.push(std::as_bytes(std::span(rest)));
  const Link link = add_link(std::move(client), std::move(connection), Initiator::kHost);
  ++counters_.opened_by_host;
  link->expire_connecting(options_.connect_timeout);
  settle(*link);
}

Host::Impl::Link Host::Impl::add_link(UnixSocket socket, Connection connection, Initiator initiator) {
  const Addresses& addresses = connection.addresses();
  const Ports ports{.host_port = addresses.host_port, .guest_port = addresses.guest_port};
  auto link = std::make_shared<ClientLink>(std::move(socket), std::move(connection), initiator, next_id_++,
                                           [this](ClientLink& changed) { settle(changed); });
  links_.emplace(link->id(), link);
  by_ports_.emplace(ports, link);
  return link;
}

Host::Impl::Link Host::Impl::find(const Ports& ports) const {
  const auto found = by_ports_.find(ports);
  return found == by_ports_.end() ? nullptr : found->second;
}

bool Host::Impl::is_full(Initiator initiator) const {
  const auto same =
      std::ranges::count_if(links_, [&](const auto& entry) { return entry.second->initiator() == initiator; });
  return static_cast<std::size_t>(same) >= options_.max_connections;
}

std::uint32_t Host::Impl::take_host_port() {
  // Ports go round, so that one comes back after a billion others; one that is in use is passed over.
  for (;;) {
    const std::uint32_t port = next_host_port_;
    next_host_port_ = port >= kLastHostPort ? kFirstHostPort : port + 1;
    const auto user = by_ports_.lower_bound({.host_port = port, .guest_port = 0});
    if (user == by_ports_.end() || user->first.host_port != port) return port;
  }
}

void Host::Impl::settle(ClientLink& link) {
  if (!running_) return;
  const Link keep = link.shared_from_this();
  const Connection& connection = link.connection();
  if (connection.state() == ConnectionState::kClosed) {
    retire(link);
  } else {
    if (connection.awaits_confirmation()) link.expire_closing(options_.close_timeout);
    const Addresses& to = connection.addresses();
    if (!link.is_queued && connection.has_packet() &&
        !gate_.is_full(Direction::kToGuest, to.guest_port, to.host_port)) {
      link.is_queued = true;
      ready_.push_back(keep);
      may_send_.set();
    }
  }
  link.wake();
  if (!link.is_open()) links_.erase(link.id());
}

void Host::Impl::retire(ClientLink& link, bool filtered) {
  const Connection& connection = link.connection();
  const Addresses& addresses = connection.addresses();
  const auto known = by_ports_.find({.host_port = addresses.host_port, .guest_port = addresses.guest_port});
  // What is retired already stays in `links_` until the client has fetched its bytes; its ports may be in use again.
  if (known == by_ports_.end() || known->second.get() != &link) return;
  by_ports_.erase(known);
  ++counters_.closed;
  const CloseReason reason = connection.close_reason();
  if (reason == CloseReason::kRefused) ++counters_.refused_by_guest;
  if (reason == CloseReason::kProtocolViolation || reason == CloseReason::kCreditViolation) {
    ++counters_.violations;
  }
  if (!connection.owes_rst()) return;
  send_rst({.packet = connection.rst(), .connection = link.info(), .filtered = filtered});
}

std::size_t Host::Impl::reset_all(CloseReason reason) {
  const auto links = by_ports_;
  for (auto& [ports, link] : links) {
    link->connection().reset(reason);
    settle(*link);
  }
  return links.size();
}

bool Host::Impl::reset(std::uint64_t id, CloseReason reason) {
  const auto found = links_.find(id);
  if (found == links_.end()) return false;
  const Link link = found->second;
  if (link->connection().state() == ConnectionState::kClosed) return false;
  link->connection().reset(reason);
  settle(*link);
  return true;
}

bool Host::Impl::refuse(std::uint32_t guest_port, std::uint32_t host_port) {
  if (find({host_port, guest_port})) return false;
  send_rst({.packet = {.header = {.src_cid = kHostCid,
                                  .dst_cid = options_.guest_cid,
                                  .src_port = host_port,
                                  .dst_port = guest_port,
                                  .op = Op::kRst},
                       .payload = {}},
            .connection = {}});
  return true;
}

std::vector<ConnectionInfo> Host::Impl::connections() const {
  std::vector<ConnectionInfo> infos;
  for (const auto& [id, link] : links_) infos.push_back(link->info());
  return infos;
}

HostCounters Host::Impl::counters() const {
  HostCounters counters = counters_;
  counters.held_dropped = gate_.dropped_for_space();
  counters.bad_lines = door_->bad_lines();
  counters.late_lines = door_->late_lines();
  return counters;
}

}  // namespace snaphammer::vsock
