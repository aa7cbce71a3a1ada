// Client: asks a ledger for one thing after another, and keeps account of the answers.
//
//   Client client(executor, {.number = 1, .pause = 200ms}, connect, account);
//   tasks.spawn(client.run());
//   client.end();                              // run() returns soon
//
// It sends a few requests at once, waits for all of their answers, pauses, and sends the next. When its connection fails,
// so have those that were not answered yet: it connects again and sends them again, with the nonces that they had. One
// io_context thread.
#pragma once

#include <deque>
#include <optional>

#include "harness/ledger/account.h"
#include "harness/ledger/line_stream.h"
#include "lib/base/notice.h"

namespace snaphammer::ledger {

struct ClientOptions {
  std::uint32_t number = 1;
  Duration pause{};  ///< Between answers and the next requests.
};

class Client {
 public:
  /// Requests on their way at a time.
  static constexpr std::size_t kAtOnce = 3;

  /// `account` outlives it. `settled` is notified of every turn.
  Client(const asio::any_io_executor& executor, ClientOptions options, Connect connect, Account& account,
         Notice& settled);

  /// Until end().
  Awaitable<void> run();
  void end();

  /// Requests on their way on an open connection; empty while there are none.
  std::vector<Nonce> waiting_for() const;
  /// Counts the times when all that was on its way was answered, or failed.
  std::uint64_t turns() const { return turns_; }
  /// Connections that failed with requests on their way.
  std::uint64_t failures() const { return failures_; }

 private:
  Awaitable<void> rest(Duration duration);
  Async<void> converse(Account::Life life);
  Async<void> ask_and_hear(Account::Life life);
  /// Whether it is the answer that is due.
  bool take(const std::string& answer, Account::Life life);
  void settle();

  const ClientOptions options_;
  Connect connect_;
  Account& account_;
  Notice& settled_;
  Event ended_;
  std::optional<LineStream> lines_;
  std::uint32_t next_number_ = 1;
  std::deque<Nonce> unanswered_;
  bool waits_ = false;
  std::uint64_t turns_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace snaphammer::ledger
