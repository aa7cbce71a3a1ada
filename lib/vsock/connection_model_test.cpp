// Random exchanges against the model of a stream: whatever the packetization, the credit and the closes, each side
// gets the other's bytes once and in order, all of them unless the connection was reset.
#include <random>

#include <gtest/gtest.h>

#include "lib/vsock/connection.h"
#include "lib/vsock/testing/guest_peer.h"

namespace snaphammer::vsock {
namespace {

constexpr std::uint64_t kFromGuest = 1;
constexpr std::uint64_t kFromClient = 2;

/// One connection's life, decided by a seed. Packets may be on the way in both directions.
class Exchange {
 public:
  explicit Exchange(std::uint64_t seed)
      : random_(seed), guest_(52, 1U << 30, static_cast<std::uint32_t>(size())), connection_(open()) {
    guest_total_ = below(5'000);
    client_total_ = below(5'000);
  }

  void run() {
    for (int steps = 0; steps < 300'000 && !is_over(); ++steps) step();
    ASSERT_TRUE(is_over()) << "stuck: guest sent " << guest_.sent() << " of " << guest_total_ << ", client got "
                           << client_got_ << "; client sent " << client_sent_ << " of " << client_total_
                           << ", guest got " << guest_got_;
    EXPECT_EQ(client_got_, guest_total_);
    EXPECT_EQ(guest_got_, client_total_);
    const CloseReason reason = connection_.close_reason();
    EXPECT_TRUE(reason == CloseReason::kClientClosed || reason == CloseReason::kGuestClosed) << name_of(reason);
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  // Small sizes are the interesting ones.
  std::uint64_t size() { return 1 + below(std::uint64_t{1} << below(13)); }

  Connection open() {
    const ConnectionLimits limits = {.buf_alloc = static_cast<std::uint32_t>(size()),
                                     .send_buffer = size(),
                                     .max_payload = static_cast<std::uint32_t>(size())};
    if (below(2)) return Connection::from_guest(guest_.request().header, limits);
    Connection connection =
        Connection::to_guest({.guest_cid = kTestGuestCid, .guest_port = 52, .host_port = 1U << 30}, limits);
    static_cast<void>(connection.next_packet());
    connection.receive(guest_.response());
    guest_.accepted = true;
    return connection;
  }

  bool is_over() const {
    return connection_.state() == ConnectionState::kClosed && connection_.front().empty() && to_guest_.empty() &&
           guest_.unread() == 0;
  }

  void step() {
    switch (below(8)) {
      case 0:
        return host_sends();
      case 1:
        return guest_hears();
      case 2:
        return host_hears();
      case 3:
        return client_writes();
      case 4:
        return client_reads();
      case 5:
        return guest_writes();
      case 6:
        return guest_reads();
      default:
        return ends();
    }
  }

  void host_sends() {
    if (auto packet = connection_.next_packet()) to_guest_.push_back(std::move(*packet));
    if (connection_.owes_rst() && !rst_sent_) {
      rst_sent_ = true;
      to_guest_.push_back(connection_.rst());
    }
  }
  void guest_hears() {
    if (to_guest_.empty()) return;
    guest_.receive(to_guest_.front());
    to_guest_.pop_front();
    flush_replies();
  }
  void flush_replies() {
    for (; !guest_.replies.empty(); guest_.replies.pop_front()) {
      from_guest_.push_back(guest_.replies.front());
    }
  }
  void host_hears() {
    if (from_guest_.empty()) return;
    connection_.receive(from_guest_.front());
    from_guest_.pop_front();
    ASSERT_LE(connection_.buffered_to_client(), 4096U);
  }

  void client_writes() {
    const auto count = std::min({connection_.room(), client_total_ - client_sent_, size()});
    connection_.push(stream_bytes(kFromClient, client_sent_, count));
    client_sent_ += count;
  }
  void client_reads() {
    const auto bytes = connection_.front().first(std::min(connection_.front().size(), size()));
    ASSERT_EQ(matching(kFromGuest, client_got_, bytes), bytes.size());
    client_got_ += bytes.size();
    connection_.consume(bytes.size());
  }
  void guest_writes() {
    if (!guest_.accepted || guest_finished_ || guest_.reset) return;
    const auto count = std::min({guest_.credit(), guest_total_ - guest_.sent(), size()});
    if (count == 0) return;
    from_guest_.push_back(guest_.send(stream_bytes(kFromGuest, guest_.sent(), count)));
  }
  void guest_reads() {
    const auto bytes = guest_.read(size());
    ASSERT_EQ(matching(kFromClient, guest_got_, bytes), bytes.size());
    guest_got_ += bytes.size();
    flush_replies();
  }

  // Each side ends its direction after its last byte, and closes when it has got the other's.
  void ends() {
    const bool client_done = client_sent_ == client_total_;
    if (client_done) connection_.finish_sending();
    const bool guest_done = guest_.sent() == guest_total_ && guest_.accepted && !guest_.reset;
    if (guest_done && !guest_finished_) {
      guest_finished_ = true;
      from_guest_.push_back(guest_.packet(Op::kShutdown, kShutdownSend));
    }
    if (below(2)) {
      if (client_done && connection_.at_end()) connection_.stop_receiving();
    } else if (guest_finished_ && guest_.host_finished && guest_.unread() == 0 && !guest_.reset) {
      from_guest_.push_back(guest_.packet(Op::kShutdown, kShutdownBoth));
    }
  }

  std::mt19937_64 random_;
  GuestPeer guest_;
  Connection connection_;
  std::deque<Packet> to_guest_;
  std::deque<Packet> from_guest_;
  bool rst_sent_ = false;
  bool guest_finished_ = false;
  std::uint64_t guest_total_ = 0;
  std::uint64_t client_total_ = 0;
  std::uint64_t client_sent_ = 0;
  std::uint64_t client_got_ = 0;
  std::uint64_t guest_got_ = 0;
};

TEST(ConnectionModel, EveryByteArrivesOnceAndInOrder) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Exchange(seed).run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace snaphammer::vsock
