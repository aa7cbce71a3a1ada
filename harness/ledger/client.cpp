#include "harness/ledger/client.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace snaphammer::ledger {
namespace {

constexpr Duration kConnectLimit = std::chrono::seconds(10);
/// Refused clients come again after a while, and nothing tells when a guest takes connections again.
constexpr Duration kTryAgainAfter = std::chrono::milliseconds(100);

/// Of "done NONCE POSITION".
std::optional<Nonce> nonce_of(std::string_view answer) {
  constexpr std::string_view kDone = "done ";
  if (!answer.starts_with(kDone)) return std::nullopt;
  answer.remove_prefix(kDone.size());
  Nonce nonce = 0;
  const auto [end, error] = std::from_chars(answer.data(), answer.data() + answer.size(), nonce);
  if (error != std::errc() || end == answer.data() + answer.size() || *end != ' ') return std::nullopt;
  const std::string_view position(end + 1, answer.data() + answer.size());
  if (position.empty() || position.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return nonce;
}

}  // namespace

Client::Client(const asio::any_io_executor& executor, ClientOptions options, Connect connect, Account& account,
               Notice& settled)
    : options_(options), connect_(std::move(connect)), account_(account), settled_(settled), ended_(executor) {}

void Client::end() {
  ended_.set();
  if (lines_) lines_->close();
}

std::vector<Nonce> Client::waiting_for() const {
  return waits_ ? std::vector<Nonce>(unanswered_.begin(), unanswered_.end()) : std::vector<Nonce>();
}

Awaitable<void> Client::rest(Duration duration) {
  static_cast<void>(co_await with_deadline(duration, "rest", ended_.wait()));
}

Awaitable<void> Client::run() {
  while (!ended_.is_set()) {
    const Account::Life life = account_.life();
    // Through a restore it would not be known whose guest has taken it.
    if (!account_.changing()) {
      auto connected = co_await with_deadline(kConnectLimit, "connect", connect_());
      if (connected && life == account_.life() && !account_.changing() && !ended_.is_set()) {
        lines_.emplace(*std::move(connected));
        static_cast<void>(co_await converse(life));
        lines_.reset();
      }
    }
    co_await rest(kTryAgainAfter);
  }
}

// It ends when the connection fails: that is the answer which requests on their way have got then.
Async<void> Client::converse(Account::Life life) {
  while (!ended_.is_set()) {
    auto done = co_await ask_and_hear(life);
    if (!done && !ended_.is_set()) ++failures_;
    settle();
    CO_SNAP_TRY(done);
    co_await rest(options_.pause);
  }
  co_return Result<void>();
}

Async<void> Client::ask_and_hear(Account::Life life) {
  while (unanswered_.size() < kAtOnce) unanswered_.push_back(Request{options_.number, next_number_++}.nonce());
  std::string requests;
  for (const Nonce nonce : unanswered_) requests += fmt::format("do {}\n", nonce);
  waits_ = true;
  CO_SNAP_TRY(co_await lines_->write(std::move(requests)));
  while (!unanswered_.empty()) {
    CO_SNAP_ASSIGN(const std::string answer, co_await lines_->read());
    if (!take(answer, life)) co_return Error(ErrorKind::kInvalid, "another answer was due than '" + answer + "'");
  }
  co_return Result<void>();
}

bool Client::take(const std::string& answer, Account::Life life) {
  const std::optional<Nonce> nonce = nonce_of(answer);
  if (nonce == unanswered_.front()) {
    account_.answered(life, *nonce, SteadyClock::now());
    unanswered_.pop_front();
    return true;
  }
  const auto later = nonce ? std::find(unanswered_.begin(), unanswered_.end(), *nonce) : unanswered_.end();
  if (later != unanswered_.end()) {
    account_.skipped(std::vector<Nonce>(unanswered_.begin(), later));
  } else if (nonce && *nonce < unanswered_.front() && Request::of(*nonce).client == options_.number) {
    account_.answered_again(*nonce);
  } else {
    account_.garbled(unanswered_.front());
  }
  return false;
}

void Client::settle() {
  waits_ = false;
  ++turns_;
  settled_.notify();
}

}  // namespace snaphammer::ledger
