// Fuzzes the parser and the connection with what a guest may send. The input is a list of steps, each begun by a byte:
//   0-3: a packet of the guest: 44 bytes of header follow; its `len` says how much payload, of zeros
//   4:   the client writes     5: the client reads     6: the client sends no more     7: it receives no more
//   8:   what the host has to send leaves              9: reset by the host
// Checked throughout: what is sent never exceeds the guest's credit, what is kept never exceeds the buffers, and
// nothing is sent after the end.
#include <algorithm>
#include <cstdlib>
#include <span>

#include "lib/vsock/connection.h"

namespace snaphammer::vsock {
namespace {

constexpr ConnectionLimits kLimits = {.buf_alloc = 1000, .send_buffer = 700, .max_payload = 300};

void require(bool holds) {
  if (!holds) std::abort();
}

class Fuzz {
 public:
  explicit Fuzz(std::span<const std::uint8_t> input) : input_(input) {}

  void run() {
    static_cast<void>(parse(std::as_bytes(input_)));
    while (!input_.empty()) {
      step(take() % 10);
      check();
    }
  }

 private:
  std::uint8_t take() {
    if (input_.empty()) return 0;
    const std::uint8_t value = input_.front();
    input_ = input_.subspan(1);
    return value;
  }

  void step(int kind) {
    switch (kind) {
      case 4:
        return connection_.push(std::vector<std::byte>(std::min<std::size_t>(connection_.room(), take() * 4U)));
      case 5:
        return connection_.consume(std::min<std::size_t>(connection_.front().size(), take() * 4U));
      case 6:
        return connection_.finish_sending();
      case 7:
        return connection_.stop_receiving();
      case 8:
        return send();
      case 9:
        return connection_.reset(CloseReason::kHostReset);
      default:
        return receive();
    }
  }

  void receive() {
    std::vector<std::byte> message(kHeaderSize);
    for (std::byte& byte : message) byte = std::byte{take()};
    message.resize(kHeaderSize + std::to_integer<std::size_t>(message[24]) +
                   (std::to_integer<std::size_t>(message[25]) & 1) * 256);
    const auto packet = parse(message);
    if (!packet) return;
    require(serialize(*packet) == message);
    connection_.receive(*packet);
  }

  void send() {
    while (connection_.has_packet()) {
      const bool was_open = connection_.state() != ConnectionState::kClosed;
      const std::uint32_t credit = connection_.credit();
      const auto packet = connection_.next_packet();
      require(packet.has_value() && was_open);
      require(packet->payload.size() <= std::min(credit, kLimits.max_payload));
      require(packet->header.op != Op::kRw || !packet->payload.empty());
      require(parse(serialize(*packet)).value() == *packet);
    }
  }

  void check() const {
    require(connection_.buffered_to_client() <= kLimits.buf_alloc);
    require(connection_.buffered_to_guest() <= kLimits.send_buffer);
    if (connection_.state() != ConnectionState::kClosed) {
      require(connection_.close_reason() == CloseReason::kNone && !connection_.owes_rst());
      return;
    }
    require(connection_.close_reason() != CloseReason::kNone);
    require(!connection_.has_packet() && connection_.room() == 0);
  }

  std::span<const std::uint8_t> input_;
  Connection connection_ = Connection::to_guest({.guest_cid = 3, .guest_port = 52, .host_port = 1U << 30}, kLimits);
};

}  // namespace
}  // namespace snaphammer::vsock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  snaphammer::vsock::Fuzz({data, size}).run();
  return 0;
}
