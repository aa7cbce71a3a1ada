// The program, served by real clients on this host.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "guest-workloads/workloads/base/testing/program.h"
#include "guest-workloads/workloads/ledger/options.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::ledger {
namespace {

using testing::HasSubstr;
using workload::ProgramTest;

/// A port of this host that nobody listens on.
std::string free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(probe, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(probe);
  return std::to_string(ntohs(address.sin_port));
}

class Client {
 public:
  explicit Client(const std::string& port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { close(); }

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  void finish_sending() { ::shutdown(socket_, SHUT_WR); }
  void say(const std::string& text) {
    EXPECT_EQ(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// Empty at the end.
  std::string next() {
    while (received_.find('\n') == std::string::npos) {
      char bytes[4096];
      pollfd more{.fd = socket_, .events = POLLIN, .revents = 0};
      if (::poll(&more, 1, 20'000) != 1) return "nothing comes";
      const ssize_t n = ::recv(socket_, bytes, sizeof bytes, 0);
      if (n <= 0) return "";
      received_.append(bytes, static_cast<std::size_t>(n));
    }
    const std::string line = received_.substr(0, received_.find('\n'));
    received_.erase(0, line.size() + 1);
    return line;
  }
  std::string ask(const std::string& line) {
    say(line + "\n");
    return next();
  }
  bool hears_nothing_for(int milliseconds) {
    pollfd more{.fd = socket_, .events = POLLIN, .revents = 0};
    return received_.empty() && ::poll(&more, 1, milliseconds) == 0;
  }

 private:
  int socket_;
  std::string received_;
};

class Ledger : public ProgramTest {
 protected:
  void start_ledger(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--port", port, "--vsock", "0", "--work", "1", "--identity", identity};
    arguments.insert(arguments.end(), more.begin(), more.end());
    start(LEDGER_PROGRAM, arguments);
    ASSERT_FALSE(next("ready").is_null());
  }
  void write_generation(const std::string& generation) {
    std::ofstream(identity) << R"({"generation":")" << generation << R"(","name":"guest"})";
  }

  const std::string port = free_port();
  const TemporaryDirectory directory;
  const std::string identity = directory / "identity.json";
};

TEST_F(Ledger, EntersEachRequestAndAnswersItsPosition) {
  start_ledger();
  Client client(port);
  EXPECT_EQ(client.ask("do 70"), "done 70 1");
  EXPECT_EQ(client.ask("do 71"), "done 71 2");
  EXPECT_EQ(client.ask("record"), "entry 1 70");
  EXPECT_EQ(client.next(), "entry 2 71");
  EXPECT_EQ(client.next(), "end 2");
}

TEST_F(Ledger, AnswersTheRequestsOfAConnectionInTheirOrder) {
  start_ledger({"--work", "30"});
  Client client(port);
  client.say("do 3\ndo 1\ndo 2\n");
  client.finish_sending();
  EXPECT_EQ(client.next(), "done 3 1");
  EXPECT_EQ(client.next(), "done 1 2");
  EXPECT_EQ(client.next(), "done 2 3");
  EXPECT_EQ(client.next(), "");
}

TEST_F(Ledger, AnswersWhenTheWorkOfARequestIsDone) {
  start_ledger({"--work", "150ms"});
  Client client(port);
  const auto sent = std::chrono::steady_clock::now();
  EXPECT_EQ(client.ask("do 70"), "done 70 1");
  EXPECT_GE(std::chrono::steady_clock::now() - sent, std::chrono::milliseconds(150));
}

TEST_F(Ledger, ARequestThatComesAgainOnAnotherConnectionIsNotExecutedAgain) {
  start_ledger({"--work", "200"});
  Client cut(port);
  cut.say("do 70\n");
  next("beat", [](const auto& beat) { return beat["entries"] == 1; });
  cut.close();
  Client again(port);
  EXPECT_EQ(again.ask("do 70"), "done 70 1");
  EXPECT_EQ(again.ask("do 71"), "done 71 2");
}

TEST_F(Ledger, ThatExecutesRepeatsDoesSo) {
  start_ledger({"--repeats", "executed"});
  Client client(port);
  EXPECT_EQ(client.ask("do 70"), "done 70 1");
  EXPECT_EQ(client.ask("do 70"), "done 70 2");
}

TEST_F(Ledger, HangsUpOnWhatIsNoRequest) {
  start_ledger();
  for (const char* line : {"hello", "do", "do x", "do 7 8"}) {
    Client client(port);
    EXPECT_EQ(client.ask(line), "") << line;
  }
  EXPECT_EQ(Client(port).ask("do 1"), "done 1 1");
}

TEST_F(Ledger, QuiescedItEntersNothingUntilItIsResumed) {
  start_ledger();
  Client client(port);
  EXPECT_EQ(client.ask("do 70"), "done 70 1");
  send("quiesce");
  next("quiesced");
  client.say("do 71\n");
  EXPECT_TRUE(client.hears_nothing_for(200));
  send("check");
  EXPECT_EQ(next("verdict")["entries"], 1);
  send("resume");
  next("resumed");
  EXPECT_EQ(client.next(), "done 71 2");
}

TEST_F(Ledger, ACheckSaysHowMuchThereIs) {
  start_ledger();
  Client client(port);
  client.ask("do 70");
  client.ask("do 70");
  send("check");
  const nlohmann::json verdict = next("verdict");
  EXPECT_EQ(verdict["pass"], true);
  EXPECT_EQ(verdict["entries"], 1);
  EXPECT_EQ(verdict["repeated"], 1);
  send("stop");
  EXPECT_EQ(wait_exit(), 0);
}

TEST_F(Ledger, WithAFileARestoreLeavesWhatWasSynced) {
  write_generation("boot");
  start_ledger({"--file", directory / "book"});
  Client client(port);
  EXPECT_EQ(client.ask("do 70"), "done 70 1");
  send("quiesce");
  next("quiesced");
  send("resume");
  next("resumed");
  EXPECT_EQ(client.ask("do 71"), "done 71 2");
  write_generation("restored");
  EXPECT_EQ(client.ask("do 72"), "done 72 2") << "the entry of 71 was not synced";
  send("check");
  EXPECT_EQ(next("verdict")["recoveries"], 1);
}

TEST_F(Ledger, WithoutAFileARestoreChangesNothing) {
  write_generation("boot");
  start_ledger();
  Client client(port);
  EXPECT_EQ(client.ask("do 70"), "done 70 1");
  write_generation("restored");
  EXPECT_EQ(client.ask("do 71"), "done 71 2");
  send("check");
  EXPECT_EQ(next("verdict")["recoveries"], 0);
}

TEST_F(Ledger, EndsWhenItsPortIsTaken) {
  start_ledger();
  const pid_t first = pid;
  received.clear();  // What the first one has said.
  start(LEDGER_PROGRAM, {"--port", port, "--vsock", "0"});
  EXPECT_TRUE(next_line().is_null());
  EXPECT_EQ(wait_exit(), 1);
  pid = first;
}

TEST_F(Ledger, RefusesAnUnknownWayWithRepeats) {
  start(LEDGER_PROGRAM, {"--repeats", "sometimes"});
  EXPECT_TRUE(next_line().is_null());
  EXPECT_EQ(wait_exit(), 1);
}

TEST(LedgerOptions, AreExplained) {
  Options options;
  EXPECT_THAT(arguments_for(options).usage(), HasSubstr("--repeats TEXT"));
}

}  // namespace
}  // namespace snaphammer::ledger
