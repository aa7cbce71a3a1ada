// A Host with a fake VMM on its packet socket and real Unix clients, for tests. One thread: the test runs the host's
// io_context until what it waits for has come about.
#pragma once

#include <filesystem>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/testing/temporary_directory.h"
#include "lib/base/unique_fd.h"
#include "lib/vsock/host.h"
#include "lib/vsock/testing/guest_peer.h"

namespace snaphammer::vsock {

/// One end of a Unix stream; nothing in it blocks.
class Client {
 public:
  Client() = default;
  explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}

  /// Returns how many bytes went.
  std::size_t write(std::span<const std::byte> bytes) {
    const ssize_t size = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    write_failed = size < 0 && errno != EAGAIN;
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }
  void write(std::string_view line) { EXPECT_EQ(write(std::as_bytes(std::span(line))), line.size()); }
  /// What there is to read now, at most `limit`.
  std::vector<std::byte> read(std::size_t limit = 1 << 20) {
    std::vector<std::byte> bytes(limit);
    const ssize_t size = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    at_end = at_end || size == 0 || (size < 0 && errno != EAGAIN);
    bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return bytes;
  }
  /// Adds what has come to `text`, and returns it.
  const std::string& read_text() {
    for (const std::byte byte : read()) text.push_back(static_cast<char>(byte));
    return text;
  }
  void finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

  std::string text;
  bool at_end = false;
  bool write_failed = false;

 private:
  UniqueFd fd_;
};

class HostFixture : public testing::Test {
 protected:
  static constexpr std::uint32_t kFirstPort = 1U << 30;

  HostFixture() { path_ = directory_ / "v.sock"; }
  ~HostFixture() override {
    host_.reset();
    context_.restart();
    context_.poll();  // What was left behind must do no harm.
  }

  HostOptions options() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    vmm_ = UniqueFd(fds[0]);
    return {.packets = UniqueFd(fds[1]),
            .path = path_,
            .guest_cid = kTestGuestCid,
            .limits = {},
            .first_host_port = kFirstPort,
            .trace = {}};
  }
  void start() { start(options()); }
  void start(HostOptions options) {
    auto host = Host::start(context_.get_executor(), std::move(options));
    ASSERT_TRUE(host) << host.error().describe();
    host_ = *std::move(host);
  }

  /// Runs the host until `condition` holds; it is asked after each step, and may itself do the test's part.
  template <class Condition>
  void run_until(Condition condition) {
    const TimePoint give_up = SteadyClock::now() + std::chrono::seconds(60);
    while (!condition()) {
      ASSERT_LT(SteadyClock::now(), give_up) << "what the test waits for did not come about";
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(5));
    }
  }
  /// Runs the host until it has nothing more to do.
  void settle() {
    for (int idle = 0; idle < 3;) {
      context_.restart();
      idle = context_.poll() == 0 ? idle + 1 : 0;
    }
  }

  // The VMM's side.

  void guest_sends_raw(std::span<const std::byte> message) {
    run_until([&] { return ::send(vmm_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0; });
  }
  void guest_sends(const Packet& packet) { guest_sends_raw(serialize(packet)); }
  /// The next packet to the guest, if there is one now.
  std::optional<Packet> poll_guest() {
    std::vector<std::byte> message(kMaxPacket + 1);
    const ssize_t size = ::recv(vmm_.get(), message.data(), message.size(), MSG_DONTWAIT);
    if (size <= 0) return std::nullopt;
    auto packet = parse(std::span(message).first(static_cast<std::size_t>(size)));
    EXPECT_TRUE(packet) << "the host sent nonsense";
    return *packet;
  }
  Packet guest_gets() {
    std::optional<Packet> packet;
    run_until([&] { return (packet = poll_guest()).has_value(); });
    return packet.value_or(Packet{});
  }
  Op guest_gets_op() { return guest_gets().header.op; }
  void expect_nothing_for_guest() {
    settle();
    const auto packet = poll_guest();
    EXPECT_FALSE(packet) << name_of(packet->header.op);
  }
  /// Lets a guest's peer hear everything that has come, and sends what it answers.
  void serve(GuestPeer& peer) {
    while (auto packet = poll_guest()) peer.receive(*packet);
    flush(peer);
  }
  void flush(GuestPeer& peer) {
    for (; !peer.replies.empty(); peer.replies.pop_front()) guest_sends(peer.replies.front());
  }

  // Clients.

  Client connect_door() { return connect(path_); }
  Client connect(const std::filesystem::path& path) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = address_of(path);
    connect_error_ = 0;
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      connect_error_ = errno;
    }
    return Client(std::move(fd));
  }
  /// A client with an established connection to the guest's `port`, and the guest's end of it.
  std::pair<Client, GuestPeer> open_to_guest(std::uint32_t port, std::uint32_t guest_buffer) {
    Client client = connect_door();
    client.write("CONNECT " + std::to_string(port) + "\n");
    const Packet request = guest_gets();
    EXPECT_EQ(request.header.op, Op::kRequest);
    EXPECT_EQ(request.header.dst_port, port);
    GuestPeer peer(port, request.header.src_port, guest_buffer);
    peer.receive(request);
    guest_sends(peer.response());
    const std::string answer = "OK " + std::to_string(request.header.src_port) + "\n";
    run_until([&] { return client.read_text().size() >= answer.size(); });
    EXPECT_EQ(client.text, answer);
    client.text.clear();
    return {std::move(client), std::move(peer)};
  }
  /// Listens where the host looks for `port`.
  void listen(std::uint32_t port) {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = address_of(path_.string() + "_" + std::to_string(port));
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(listener_.get(), 4096), 0);
  }
  Client accept() { return Client(UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC))); }
  /// A connection from the guest's `guest_port` to a listener at `port`.
  std::pair<Client, GuestPeer> open_from_guest(std::uint32_t guest_port, std::uint32_t port,
                                               std::uint32_t guest_buffer) {
    GuestPeer peer(guest_port, port, guest_buffer);
    guest_sends(peer.request());
    const Packet response = guest_gets();
    EXPECT_EQ(response.header.op, Op::kResponse);
    peer.receive(response);
    return {accept(), std::move(peer)};
  }

  asio::io_context context_;
  TemporaryDirectory directory_;
  std::filesystem::path path_;
  UniqueFd vmm_;
  UniqueFd listener_;
  std::unique_ptr<Host> host_;
  int connect_error_ = 0;

 private:
  static sockaddr_un address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
  }
};

}  // namespace snaphammer::vsock
