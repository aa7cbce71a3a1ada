#include "harness/ledger/clients.h"

#include <fmt/format.h>

#include "harness/ledger/record.h"

namespace snaphammer::ledger {

void Clients::add(Connect connect, Duration pause) {
  const auto number = static_cast<std::uint32_t>(clients_.size() + 1);
  clients_.emplace_back(executor_, ClientOptions{.number = number, .pause = pause}, std::move(connect), account_,
                        settled_);
  tasks_.spawn(clients_.back().run());
}

std::uint64_t Clients::failures() const {
  std::uint64_t failures = 0;
  for (const Client& client : clients_) failures += client.failures();
  return failures;
}

Async<void> Clients::settle(std::vector<Turn> on_their_way) {
  const auto same = [](const Turn& turn) { return turn.client->turns() == turn.number; };
  for (;;) {
    std::erase_if(on_their_way, [&same](const Turn& turn) { return !same(turn); });
    if (on_their_way.empty() && account_.acknowledged() > 0) co_return Result<void>();
    CO_SNAP_TRY(co_await settled_.wait());
  }
}

Awaitable<std::vector<Defect>> Clients::unsettled(Duration limit) {
  const TaskGroup::Membership here = tasks_.enter();
  std::vector<Turn> on_their_way;
  for (const Client& client : clients_) {
    const std::vector<Nonce> waiting = client.waiting_for();
    // What was overdue before is not waited for again.
    if (!waiting.empty() && !overdue_.contains(waiting.front())) on_their_way.push_back({&client, client.turns()});
  }
  std::vector<Defect> defects;
  auto settled = co_await with_deadline(limit, "settle", settle(on_their_way));
  if (settled) co_return defects;
  std::vector<Nonce> overdue;
  for (const Turn& turn : on_their_way) {
    if (turn.client->turns() != turn.number) continue;
    for (const Nonce nonce : turn.client->waiting_for()) {
      if (overdue_.insert(nonce).second) overdue.push_back(nonce);
    }
  }
  if (!overdue.empty()) {
    defects.push_back({.finding = "request-lost",
                       .what = fmt::format("were neither answered nor failed within {}", format_duration(limit)),
                       .requests = std::move(overdue)});
  }
  co_return defects;
}

Async<std::vector<Defect>> Clients::compare(Connect connect, Duration limit) {
  const TaskGroup::Membership here = tasks_.enter();
  const Account::Life life = account_.life();
  const std::vector<Nonce> due = account_.due();
  auto record = co_await with_deadline(limit, "ask the ledger for its record", read_record(std::move(connect)));
  if (account_.changing() || account_.life() != life) co_return std::vector<Defect>();
  CO_SNAP_TRY(record);
  if (account_.acknowledged() == 0) {
    co_return Error(ErrorKind::kUnavailable, "no request to the ledger was ever answered");
  }
  co_return account_.judge(due, *record);
}

Awaitable<void> Clients::end() {
  for (Client& client : clients_) client.end();
  co_await tasks_.wait_idle();
}

}  // namespace snaphammer::ledger
