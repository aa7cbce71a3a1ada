// ledger: no request that a client was answered is missing in the guest, and none acted twice.
#include "harness/workloads/ledger.h"

#include <map>

#include <fmt/format.h>

#include "harness/engine/run_context.h"
#include "harness/ledger/clients.h"
#include "harness/oracles/oracle.h"
#include "lib/base/log.h"

namespace snaphammer::oracles {
namespace {

using ledger::Clients;
using ledger::Connect;
using ledger::Defect;
using workloads::Over;

constexpr Duration kAnswerLimit = std::chrono::seconds(20);
constexpr std::size_t kExamples = 8;

/// A ledger in the guest and those who ask it.
struct Ledger {
  Ledger(std::vector<Over> ways, const asio::any_io_executor& executor, Connect ask)
      : over(std::move(ways)), clients(executor), record(std::move(ask)) {}

  std::vector<Over> over;
  Clients clients;
  Connect record;

  std::string describe(ledger::Nonce nonce) const {
    const ledger::Request request = ledger::Request::of(nonce);
    const std::size_t index = std::size_t{request.client} + over.size() - 1;
    return fmt::format("{} of client {} ({})", request.number, request.client,
                       scenario::word_for(over[index % over.size()]));
  }
};

class LedgerOracle final : public Oracle {
 public:
  Async<void> workload_started(engine::RunContext& run, const StartedWorkload& started) override {
    if (started.workload != "ledger") co_return Result<void>();
    const auto args = scenario::args_from<workloads::Ledger>(started.args);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    std::map<Over, Connect> ways;
    ways[Over::kVsock] = connect_to(executor, engine::VsockTarget{run.sandbox().paths().door(), args.vsock});
    CO_SNAP_ASSIGN(const proxy::ListenAddress address, run.sandbox().proxied(agent::kForwardedPorts + args.port));
    ways[Over::kTcp] = connect_to(executor, engine::TcpTarget{address.port});
    auto entry = std::make_shared<Ledger>(args.over, executor, ways[Over::kVsock]);
    const Duration pause = std::chrono::duration_cast<Duration>(std::chrono::seconds(1)) *
                           static_cast<int>(ledger::Client::kAtOnce) / static_cast<int>(args.rate);
    for (unsigned i = 0; i < args.clients; ++i) entry->clients.add(ways[args.over[i % args.over.size()]], pause);
    ledgers_[started.as] = std::move(entry);
    co_return Result<void>();
  }

  // Its last word: nobody can be asked afterwards.
  Async<void> workload_stops(engine::RunContext& run, std::string as) override {
    const auto found = ledgers_.find(as);
    if (found == ledgers_.end()) co_return Result<void>();
    CO_SNAP_TRY(co_await look(run, as, found->second));
    co_await let_go(as);
    co_return Result<void>();
  }

  void snapshot_taken(const std::string& id, TimePoint frozen) override {
    for (const auto& [as, entry] : ledgers_) entry->clients.account().snapshot_taken(id, frozen);
  }
  void guest_leaves() override {
    for (const auto& [as, entry] : ledgers_) entry->clients.account().restore_begins();
  }
  Awaitable<void> restore_ended(std::string id) override {
    std::vector<std::string> not_started_then;
    for (const auto& [as, entry] : ledgers_) {
      if (!entry->clients.account().knows(id)) not_started_then.push_back(as);
      entry->clients.account().restore_ended(id);
    }
    for (const std::string& as : not_started_then) co_await let_go(as);
  }
  Awaitable<void> guest_forgotten() override {
    while (!ledgers_.empty()) co_await let_go(ledgers_.begin()->first);
  }

  bool asks_guest() const override { return true; }
  Async<void> check(engine::RunContext& run) override {
    std::vector<std::string> names;
    for (const auto& [as, entry] : ledgers_) names.push_back(as);
    for (const std::string& as : names) {
      const auto found = ledgers_.find(as);
      if (found != ledgers_.end()) CO_SNAP_TRY(co_await look(run, as, found->second));
    }
    co_return Result<void>();
  }

 private:
  static Connect connect_to(const asio::any_io_executor& executor, engine::HoldTarget target) {
    return [executor, target] { return engine::open_stream(executor, target); };
  }

  // A guest that is no more, or stands still, owes nobody an answer.
  static bool is_at_work(engine::RunContext& run) {
    return run.sandbox().state() == sandbox::State::kRunning && !run.quiesced_by_step();
  }

  // It may be let go of meanwhile.
  static Async<void> look(engine::RunContext& run, std::string as, std::shared_ptr<Ledger> entry) {
    if (!is_at_work(run)) co_return Result<void>();
    const std::vector<Defect> overdue = co_await entry->clients.unsettled(kAnswerLimit);
    if (!is_at_work(run)) co_return Result<void>();
    for (const Defect& defect : overdue) report(run, as, *entry, defect);
    auto compared = co_await entry->clients.compare(entry->record, kAnswerLimit);
    if (!is_at_work(run)) co_return Result<void>();
    if (!compared) co_return std::move(compared).error().in("ledger " + as);
    for (const Defect& defect : *compared) report(run, as, *entry, defect);
    log_info("ledger", "{}: {} requests acknowledged, {} of them due in this guest, {} connections failed in between",
             as, entry->clients.account().acknowledged(), entry->clients.account().due().size(),
             entry->clients.failures());
    co_return Result<void>();
  }

  static void report(engine::RunContext& run, const std::string& as, const Ledger& entry, const Defect& defect) {
    std::vector<std::string> examples;
    for (const ledger::Nonce nonce : defect.requests) {
      if (examples.size() < kExamples) examples.push_back(entry.describe(nonce));
    }
    run.report({.id = defect.finding,
                .oracle = "ledger",
                .message = fmt::format("{} requests to {} {}, for instance {}", defect.requests.size(), as, defect.what,
                                       examples.front()),
                .evidence = {{"ledger", as}, {"count", defect.requests.size()}, {"requests", examples}}});
  }

  Awaitable<void> let_go(std::string as) {
    const auto found = ledgers_.find(as);
    if (found == ledgers_.end()) co_return;
    const std::shared_ptr<Ledger> entry = found->second;
    ledgers_.erase(found);
    co_await entry->clients.end();
  }

  std::map<std::string, std::shared_ptr<Ledger>> ledgers_;
};

const OracleRegistration<LedgerOracle> kRegistration{
    {"ledger",
     "Asks the workload of that name by clients of its own, and compares what they were answered with what it has "
     "entered, through every restore.",
     {"request-lost", "request-duplicated", "request-reordered"}}};

}  // namespace
}  // namespace snaphammer::oracles
