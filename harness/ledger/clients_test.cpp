// Clients against the real program, and against a peer that says what a test wants.
#include "harness/ledger/clients.h"

#include <filesystem>
#include <fstream>

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

#include "guest-workloads/workloads/base/testing/program.h"
#include "harness/ledger/record.h"
#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::ledger {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// One thread's worth of clients, and a test that waits for what they do.
class ClientsTest : public workload::ProgramTest {
 protected:
  /// Before what their connections refer to is destroyed.
  void end_clients() {
    asio::co_spawn(context, clients.end(), asio::detached);
    context.restart();
    context.run();
  }

  template <class Condition>
  void until(Condition condition) {
    ASSERT_TRUE(run_until(context, condition)) << "what the test waits for did not come about";
  }
  void until_answered(std::uint64_t more) {
    const std::uint64_t enough = clients.account().acknowledged() + more;
    until([&] { return clients.account().acknowledged() >= enough; });
  }
  std::vector<Defect> unsettled(Duration limit) { return run_awaitable(context, clients.unsettled(limit)); }
  Result<std::vector<Defect>> compare(Connect connect) { return run_async(context, clients.compare(connect, 20s)); }

  asio::io_context context;
  Clients clients{context.get_executor()};
};

class WithLedger : public ClientsTest {
 protected:
  ~WithLedger() override { end_clients(); }

  void start_ledger(std::vector<std::string> more = {}) {
    asio::ip::tcp::acceptor probe(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    port = probe.local_endpoint().port();
    probe.close();
    write_generation("boot");
    std::vector<std::string> arguments{"--port", std::to_string(port), "--vsock", "0", "--work",
                                       "5ms",    "--identity",         identity};
    arguments.insert(arguments.end(), more.begin(), more.end());
    start(LEDGER_PROGRAM, arguments);
    ASSERT_FALSE(next("ready").is_null());
  }
  void add_clients(int count) {
    for (int i = 0; i < count; ++i) clients.add([this] { return connect(); }, 10ms);
  }
  void tell(const std::string& command, const std::string& answer) {
    send(command);
    ASSERT_FALSE(next(answer).is_null());
  }
  void write_generation(const std::string& generation) {
    std::ofstream(identity) << R"({"generation":")" << generation << R"("})";
  }
  Async<Stream> connect() {
    asio::ip::tcp::socket socket(context);
    const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
    auto [error] = co_await socket.async_connect(endpoint, as_result);
    if (error) co_return asio_error("connect", error).as(ErrorKind::kGone);
    connections.push_back(::dup(socket.native_handle()));
    co_return Stream(std::move(socket));
  }
  /// As a proxy does whose guest is about to be paused.
  void cut_connections() {
    for (const int connection : std::exchange(connections, {})) {
      ::shutdown(connection, SHUT_RDWR);
      ::close(connection);
    }
  }
  Result<std::vector<Defect>> compare_now() {
    return compare([this] { return connect(); });
  }

  const TemporaryDirectory directory;
  const std::string identity = directory / "identity.json";
  std::uint16_t port = 0;
  std::vector<int> connections;
};

TEST_F(WithLedger, WhatIsAnsweredIsEntered) {
  start_ledger();
  add_clients(4);
  until_answered(40);
  EXPECT_THAT(unsettled(20s), IsEmpty());
  EXPECT_THAT(compare_now().value(), IsEmpty());
  EXPECT_EQ(clients.failures(), 0u);
}

TEST_F(WithLedger, WhoIsCutOffTriesAgainAndNothingIsDoneTwice) {
  start_ledger({"--work", "40ms"});
  add_clients(4);
  for (int i = 0; i < 5; ++i) {
    until_answered(5);
    cut_connections();
  }
  until_answered(12);
  EXPECT_THAT(clients.failures(), Gt(0u));
  EXPECT_THAT(compare_now().value(), IsEmpty());
}

TEST_F(WithLedger, OneThatExecutesRepeatsIsFound) {
  start_ledger({"--work", "40ms", "--repeats", "executed"});
  add_clients(4);
  for (int i = 0; i < 5; ++i) {
    until_answered(5);
    cut_connections();
  }
  until_answered(12);
  const std::vector<Defect> defects = compare_now().value();
  ASSERT_THAT(defects, Not(IsEmpty()));
  EXPECT_EQ(defects[0].finding, "request-duplicated");
}

TEST_F(WithLedger, OneThatForgetsWhatItAnsweredIsFound) {
  start_ledger({"--file", directory / "book"});
  add_clients(2);
  until_answered(10);
  write_generation("restored");
  const std::vector<Defect> defects = compare_now().value();
  ASSERT_THAT(defects, Not(IsEmpty()));
  EXPECT_EQ(defects[0].finding, "request-lost");
}

// The program is taken back to its last sync, as a guest by a restore is to its freeze.
TEST_F(WithLedger, ARestoreRightlyTakesBackWhatWasAnsweredAfterTheFreeze) {
  start_ledger({"--file", directory / "book"});
  add_clients(2);
  until_answered(10);
  tell("quiesce", "quiesced");
  unsettled(1ms);  // What was answered until then is read.
  clients.account().snapshot_taken("s1", SteadyClock::now());
  tell("resume", "resumed");
  until_answered(10);
  clients.account().restore_begins();
  cut_connections();
  write_generation("restored");
  clients.account().restore_ended("s1");
  until_answered(10);
  EXPECT_THAT(compare_now().value(), IsEmpty());
}

/// Says to its clients what a test wants.
class WithPeer : public ClientsTest {
 protected:
  ~WithPeer() override { end_clients(); }

  using Local = asio::local::stream_protocol;

  Async<Stream> connect() {
    if (refuses) return completed(Result<Stream>(Error(ErrorKind::kGone, "refused")));
    Local::socket here(context), there(context);
    asio::local::connect_pair(here, there);
    there.non_blocking(true);
    peers.push_back(std::move(there));
    return completed(Result<Stream>(Stream(std::move(here))));
  }
  /// Waits for the client's requests, and answers.
  void answer(const std::string& text) {
    until([this] { return !peers.empty() && peers.back().available() > 0; });
    peers.back().send(asio::buffer(text));
  }
  /// Of client 1.
  static std::string done(std::uint32_t number) {
    return "done " + std::to_string(Request{1, number}.nonce()) + " " + std::to_string(number) + "\n";
  }
  /// What is wrong according to the client alone.
  std::vector<Defect> heard() { return clients.account().judge({}, {}); }
  void add_client() {
    clients.add([this] { return connect(); }, 10ms);
  }
  void until_failed() {
    until([this] { return clients.failures() == 1; });
  }

  bool refuses = false;
  std::vector<Local::socket> peers;
};

TEST_F(WithPeer, ThatSaysNothingLosesWhatIsOnItsWay) {
  add_client();
  answer(done(1));
  until([this] { return clients.account().acknowledged() == 1; });
  const std::vector<Defect> defects = unsettled(50ms);
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_EQ(defects[0].finding, "request-lost");
  EXPECT_EQ(defects[0].what, "were neither answered nor failed within 50ms");
  EXPECT_THAT(defects[0].requests, ElementsAre(Request{1, 2}.nonce(), Request{1, 3}.nonce()));
  EXPECT_THAT(unsettled(1h), IsEmpty()) << "it was said, and is not waited for again";
}

TEST_F(WithPeer, ThatClosesTheConnectionHasFailedThem) {
  add_client();
  answer(done(1));
  until([this] { return clients.account().acknowledged() == 1; });
  refuses = true;
  peers.back().close();
  until_failed();
  EXPECT_THAT(unsettled(50ms), IsEmpty());
  EXPECT_THAT(heard(), IsEmpty());
}

TEST_F(WithPeer, ThatFailedGetsTheSameRequestsAgain) {
  add_client();
  answer(done(1));
  until([this] { return clients.account().acknowledged() == 1; });
  peers.back().close();
  until([this] { return peers.size() == 2 && peers.back().available() > 0; });
  std::string text(100, '\0');
  text.resize(peers.back().receive(asio::buffer(text)));
  std::string expected;
  for (const std::uint32_t number : {2, 3, 4}) expected += "do " + std::to_string(Request{1, number}.nonce()) + "\n";
  EXPECT_EQ(text, expected);
}

TEST_F(WithPeer, ThatSkipsARequestHasLostIt) {
  add_client();
  answer(done(2));
  until_failed();
  const std::vector<Defect> defects = heard();
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_EQ(defects[0].finding, "request-lost");
  EXPECT_THAT(defects[0].what, HasSubstr("later ones of their connection were answered"));
  EXPECT_THAT(defects[0].requests, ElementsAre(Request{1, 1}.nonce()));
}

TEST_F(WithPeer, ThatAnswersARequestTwiceIsFound) {
  add_client();
  answer(done(1) + done(1));
  until_failed();
  const std::vector<Defect> defects = heard();
  ASSERT_THAT(defects, SizeIs(1));
  EXPECT_EQ(defects[0].finding, "request-duplicated");
}

TEST_F(WithPeer, ThatTalksNonsenseIsFound) {
  for (const std::string nonsense : {"done\n", "done x 1\n", "done 99 1\n", "sorry\n", "done 4294967297\n"}) {
    Clients others(context.get_executor());
    others.add([this] { return connect(); }, 10ms);
    answer(nonsense);
    until([&] { return others.failures() == 1; });
    const std::vector<Defect> defects = others.account().judge({}, {});
    ASSERT_THAT(defects, SizeIs(1)) << nonsense;
    EXPECT_EQ(defects[0].finding, "request-lost") << nonsense;
    ASSERT_TRUE(run_async(context, [&others]() -> Async<void> {
      co_await others.end();
      co_return Result<void>();
    }()));
    peers.clear();
  }
}

TEST_F(WithPeer, ThatNeverAnsweredProvesNothing) {
  const auto compared = [this] {
    const auto asking = [this]() -> Async<std::vector<Defect>> {
      return clients.compare([this] { return connect(); }, 20s);
    };
    auto task = asio::co_spawn(context, asking(), asio::use_future);
    answer("end 0\n");
    until([&] { return task.wait_for(0s) == std::future_status::ready; });
    return task.get();
  }();
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(WithPeer, WhoseRecordIsNoneIsRefused) {
  for (const std::string nonsense : {"entry 2 7\n", "entry 1 x\n", "entry 1 \n", "end 1\n", "hello\n"}) {
    auto task = asio::co_spawn(context, read_record([this] { return connect(); }), asio::use_future);
    answer(nonsense);
    until([&] { return task.wait_for(0s) == std::future_status::ready; });
    const auto record = task.get();
    ASSERT_FALSE(record) << nonsense;
    EXPECT_EQ(record.error().kind(), ErrorKind::kInvalid) << nonsense;
    EXPECT_THAT(record.error().message(), HasSubstr(nonsense.substr(0, nonsense.size() - 1)));
    peers.clear();
  }
}

TEST_F(WithPeer, WhoseRecordIsReadInFull) {
  auto task = asio::co_spawn(context, read_record([this] { return connect(); }), asio::use_future);
  answer("entry 1 70\nentry 2 18446744073709551615\nend 2\n");
  until([&] { return task.wait_for(0s) == std::future_status::ready; });
  EXPECT_THAT(task.get().value(), ElementsAre(70, 18446744073709551615ULL));
}

}  // namespace
}  // namespace snaphammer::ledger
