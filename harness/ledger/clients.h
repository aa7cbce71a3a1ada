// Clients: all who ask one ledger, and the account of what they were answered.
//
//   Clients clients(executor);
//   clients.add(connect, 200ms);                                        // it begins at once
//   std::vector<Defect> wrong = co_await clients.unsettled(20s);        // what was on its way and is neither ...
//   CO_SNAP_ASSIGN(wrong, co_await clients.compare(connect, 20s));      // the ledger's record with the account
//   co_await clients.end();                                             // always, before it is destroyed
//
// One io_context thread.
#pragma once

#include <list>
#include <string>
#include <vector>

#include "harness/ledger/account.h"
#include "harness/ledger/client.h"
#include "lib/base/task_group.h"

namespace snaphammer::ledger {

class Clients {
 public:
  explicit Clients(const asio::any_io_executor& executor) : executor_(executor), settled_(executor), tasks_(executor) {}

  /// They are numbered from 1.
  void add(Connect connect, Duration pause);
  Account& account() { return account_; }
  /// Of connections, with requests on their way that were sent again.
  std::uint64_t failures() const;

  /// Waits until what is on its way now is answered or has failed, and until there was any answer at all. What is still
  /// on its way after `limit` is request-lost.
  Awaitable<std::vector<Defect>> unsettled(Duration limit);
  /// What is wrong with the ledger's record and was not told before; nothing when a restore has come in between.
  Async<std::vector<Defect>> compare(Connect connect, Duration limit);

  Awaitable<void> end();

 private:
  struct Turn {
    const Client* client;
    std::uint64_t number;
  };
  Async<void> settle(std::vector<Turn> on_their_way);

  asio::any_io_executor executor_;
  Notice settled_;
  TaskGroup tasks_;
  Account account_;
  std::list<Client> clients_;
  std::set<Nonce> overdue_;  ///< That were told.
};

}  // namespace snaphammer::ledger
