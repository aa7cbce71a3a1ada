#include "lib/vsock/door.h"

#include <charconv>
#include <set>
#include <vector>

#include <boost/asio/read_until.hpp>
#include <strings.h>

#include "lib/base/start_task.h"

namespace snaphammer::vsock {
namespace {

using boost::system::error_code;

constexpr std::size_t kMaxLine = 128;
/// After accept(2) failed for want of descriptors or memory, of which no event tells when there are some again.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<std::string_view> words;
  for (auto begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(kBlanks, begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kBlanks, end);
  }
  return words;
}

}  // namespace

std::optional<std::uint32_t> parse_connect_line(std::string_view line) {
  const auto words = words_of(line);
  if (words.size() != 2) return std::nullopt;
  constexpr std::string_view kWord = "connect";
  if (words[0].size() != kWord.size() || ::strncasecmp(words[0].data(), kWord.data(), kWord.size()) != 0) {
    return std::nullopt;
  }
  const std::string_view digits = words[1];
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return port;
}

class Door::Impl {
 public:
  Impl(const asio::any_io_executor& executor, DoorOptions options)
      : options_(std::move(options)), acceptor_(executor), below_limit_(executor) {}

  Result<void> open() {
    const std::string what = "vsock: open the door " + options_.path.string();
    const auto endpoint = asio::local::stream_protocol::endpoint(options_.path.string());
    error_code error;
    static_cast<void>(acceptor_.open(endpoint.protocol(), error));
    if (!error) static_cast<void>(acceptor_.bind(endpoint, error));
    if (error) return asio_error(what, error);
    is_bound_ = true;
    static_cast<void>(acceptor_.listen(asio::socket_base::max_listen_connections, error));
    if (error) return asio_error(what, error);
    return {};
  }

  void close() {
    error_code ignored;
    static_cast<void>(acceptor_.close(ignored));
    for (UnixSocket* client : pending_) static_cast<void>(client->close(ignored));
    below_limit_.set();
    if (std::exchange(is_bound_, false)) {
      std::error_code already_gone;
      std::filesystem::remove(options_.path, already_gone);
    }
  }

  /// A coroutine; keeps the door's state alive until the door is closed.
  static Awaitable<void> accept_clients(std::shared_ptr<Impl> self) {
    while (self->is_bound_) {
      if (self->pending_.size() >= self->options_.max_pending) {
        self->below_limit_.reset();
        static_cast<void>(co_await self->below_limit_.wait());
        continue;
      }
      auto [error, client] = co_await self->acceptor_.async_accept(as_result);
      if (!self->is_bound_) co_return;
      if (error) {
        static_cast<void>(co_await wait_for(kAcceptPause));
        continue;
      }
      // Owned by its own coroutine, which is counted from this moment on.
      auto owned = std::make_shared<UnixSocket>(std::move(client));
      self->pending_.insert(owned.get());
      start_task(self->acceptor_.get_executor(), hear_client(self, owned));
    }
  }

  std::uint64_t bad_lines_ = 0;
  std::uint64_t late_lines_ = 0;

 private:
  static Awaitable<void> hear_client(std::shared_ptr<Impl> self, std::shared_ptr<UnixSocket> client) {
    std::string buffer;
    const auto size = co_await with_deadline(self->options_.line_timeout, "CONNECT line", read_line(*client, buffer));
    self->pending_.erase(client.get());
    self->below_limit_.set();
    if (!self->is_bound_) co_return;
    if (!size) {
      ++(size.error().kind() == ErrorKind::kTimeout ? self->late_lines_ : self->bad_lines_);
      co_return;
    }
    const auto port = parse_connect_line(std::string_view(buffer).substr(0, *size - 1));
    if (!port) {
      ++self->bad_lines_;
      co_return;
    }
    self->options_.on_client(std::move(*client), *port, buffer.substr(*size));
  }

  static Async<std::size_t> read_line(UnixSocket& client, std::string& buffer) {
    auto [error, size] =
        co_await asio::async_read_until(client, asio::dynamic_buffer(buffer, kMaxLine), '\n', as_result);
    if (error) co_return asio_error("read the CONNECT line", error);
    co_return size;
  }

  const DoorOptions options_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::set<UnixSocket*> pending_;  // Clients that are still saying their line.
  Event below_limit_;
  bool is_bound_ = false;
};

Result<Door> Door::open(const asio::any_io_executor& executor, DoorOptions options) {
  auto impl = std::make_shared<Impl>(executor, std::move(options));
  Door door(impl);
  SNAP_TRY(impl->open());
  start_task(executor, Impl::accept_clients(impl));
  return door;
}

Door::Door(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Door::~Door() { close(); }
void Door::close() {
  if (impl_) impl_->close();
}
std::uint64_t Door::bad_lines() const { return impl_->bad_lines_; }
std::uint64_t Door::late_lines() const { return impl_->late_lines_; }

}  // namespace snaphammer::vsock
