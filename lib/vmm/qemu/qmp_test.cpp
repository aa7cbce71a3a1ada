#include "lib/vmm/qemu/qmp.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/testing/run_async.h"

namespace snaphammer::vmm {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// The other end of a monitor, played by the test.
class QmpTest : public testing::Test {
 protected:
  QmpTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    qemu_ = UniqueFd(ends[0]);
    client_.emplace(
        context_.get_executor(), UniqueFd(ends[1]),
        QmpClient::Callbacks{.on_event = [this](const QmpEvent& event) { events_.push_back(event.name); },
                             .on_closed = [this](const Error& error) { closed_.push_back(error.message()); }});
  }

  void say(const std::string& text) {
    ASSERT_EQ(::send(qemu_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  void greet() {
    say(R"({"QMP": {"version": {}, "capabilities": ["oob"]}})"
        "\n");
  }

  // The next line that the client sent.
  Json hear() {
    std::string line;
    for (char c = 0; ::recv(qemu_.get(), &c, 1, MSG_DONTWAIT) == 1 && c != '\n';) line.push_back(c);
    return Json::parse(line, nullptr, false);
  }
  void answer(const Json& command, const Json& value) {
    say(Json{{"return", value}, {"id", command["id"]}}.dump() + "\n");
  }

  QmpReply post(const std::string& command, const Json& arguments = nullptr) {
    return client_->post(command, arguments).value();
  }
  Result<Json> result_of(QmpReply& reply) { return run_async(context_, with_deadline(10s, "reply", reply.result())); }
  // Lets the client read what was said.
  void settle() {
    context_.restart();
    context_.poll();
  }
  // What ends the connection when QEMU says `text` after its greeting.
  std::string reason_to_hang_up(const std::string& text) {
    greet();
    say(text);
    settle();
    EXPECT_EQ(closed_.size(), 1u);
    return closed_.empty() ? "still open" : closed_.front();
  }

  asio::io_context context_;
  UniqueFd qemu_;
  std::vector<std::string> events_;
  std::vector<std::string> closed_;
  std::optional<QmpClient> client_;
};

TEST_F(QmpTest, SendsACommandAndReturnsItsAnswer) {
  auto reply = post("balloon", {{"value", 42}});
  const Json command = hear();
  EXPECT_EQ(command["execute"], "balloon");
  EXPECT_EQ(command["arguments"]["value"], 42);
  greet();
  answer(command, {{"ok", true}});
  EXPECT_EQ(result_of(reply).value()["ok"], true);
}

TEST_F(QmpTest, MatchesAnswersToCommandsByTheirIds) {
  auto first = post("first");
  auto second = post("second");
  const Json first_command = hear();
  const Json second_command = hear();
  greet();
  answer(second_command, 2);
  answer(first_command, 1);
  EXPECT_EQ(result_of(first).value(), 1);
  EXPECT_EQ(result_of(second).value(), 2);
}

TEST_F(QmpTest, ReturnsARefusalWithClassAndDescription) {
  auto reply = post("migrate");
  const Json command = hear();
  greet();
  say(Json{{"error", {{"class", "GenericError"}, {"desc", "no such file"}}}, {"id", command["id"]}}.dump() + "\n");
  const auto result = result_of(reply);
  EXPECT_EQ(result.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(result.error().message(), "QMP migrate: GenericError: no such file");
  EXPECT_TRUE(closed_.empty());
}

TEST_F(QmpTest, DeliversEventsBetweenAnswersInTheirOrder) {
  auto reply = post("cont");
  const Json command = hear();
  greet();
  say(R"({"event": "RESUME"})"
      "\n");
  answer(command, Json::object());
  say(R"({"event": "SHUTDOWN", "data": {"reason": "guest-reset"}})"
      "\n");
  EXPECT_TRUE(result_of(reply));
  settle();
  EXPECT_THAT(events_, ElementsAre("RESUME", "SHUTDOWN"));
}

TEST_F(QmpTest, TakesALineThatComesInPieces) {
  greet();
  say(R"({"event": "ST)");
  settle();
  EXPECT_TRUE(events_.empty());
  say("OP\"}\n");
  settle();
  EXPECT_THAT(events_, ElementsAre("STOP"));
}

TEST_F(QmpTest, PassesADescriptor) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const UniqueFd read_end(pipe[0]);
  const UniqueFd write_end(pipe[1]);
  ASSERT_TRUE(client_->post("getfd", {{"fdname", "state"}}, write_end.get()));

  char line[256];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec bytes{line, sizeof line};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ASSERT_GT(::recvmsg(qemu_.get(), &message, MSG_CMSG_CLOEXEC), 0);
  ASSERT_NE(CMSG_FIRSTHDR(&message), nullptr);
  int received = -1;
  std::copy_n(CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received, reinterpret_cast<unsigned char*>(&received));
  const UniqueFd owner(received);
  ASSERT_EQ(::write(received, "x", 1), 1);
  char c = 0;
  EXPECT_EQ(::read(read_end.get(), &c, 1), 1);
}

TEST_F(QmpTest, FailsEveryCommandWhenTheVmmGoes) {
  auto first = post("first");
  auto second = post("second");
  greet();
  qemu_.reset();
  EXPECT_EQ(result_of(first).error().kind(), ErrorKind::kGone);
  const auto result = result_of(second);
  EXPECT_EQ(result.error().kind(), ErrorKind::kGone);
  EXPECT_THAT(result.error().message(), StartsWith("QMP second: "));
  EXPECT_EQ(closed_.size(), 1u);
  EXPECT_EQ(client_->post("third").error().kind(), ErrorKind::kGone);
}

TEST_F(QmpTest, AnAnswerThatComesTooLateIsNobodyElses) {
  const auto cancelled = run_async(context_, with_deadline(1ms, "reply", client_->execute("slow")));
  EXPECT_EQ(cancelled.error().kind(), ErrorKind::kTimeout);
  const Json late = hear();
  auto next = post("next");
  const Json command = hear();
  greet();
  answer(late, "late");
  answer(command, "mine");
  EXPECT_EQ(result_of(next).value(), "mine");
}

TEST_F(QmpTest, DestroyingTheClientCancelsWhatIsWaitedFor) {
  auto reply = post("slow");
  client_.reset();
  EXPECT_EQ(result_of(reply).error().kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(closed_.empty());
}

TEST_F(QmpTest, AVmmThatStopsReadingIsAnErrorNotAWait) {
  greet();
  const Json long_arguments = {{"text", std::string(1000, 'x')}};
  Result<QmpReply> reply = client_->post("first", long_arguments);
  for (int i = 0; reply && i < 10'000; ++i) reply = client_->post("more", long_arguments);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().kind(), testing::AnyOf(ErrorKind::kUnavailable, ErrorKind::kGone));
}

TEST_F(QmpTest, HangsUpOnWhatIsNoGreeting) {
  say("{\"return\": {}, \"id\": 1}\n");
  settle();
  EXPECT_THAT(closed_, ElementsAre(StartsWith("QMP: not a greeting: ")));
}

TEST_F(QmpTest, HangsUpOnWhatIsNoJson) {
  EXPECT_THAT(reason_to_hang_up("hello\n"), HasSubstr("not a JSON object: hello"));
}

TEST_F(QmpTest, HangsUpOnJsonThatIsNoObject) {
  EXPECT_THAT(reason_to_hang_up("[1, 2]\n"), HasSubstr("not a JSON object"));
}

TEST_F(QmpTest, HangsUpOnAnAnswerToNothing) {
  EXPECT_THAT(reason_to_hang_up("{\"return\": 1, \"id\": 999}\n"), HasSubstr("answer to no command"));
}

TEST_F(QmpTest, HangsUpOnAnAnswerWithoutAnId) {
  EXPECT_THAT(reason_to_hang_up("{\"return\": 1}\n"), HasSubstr("answer to no command"));
}

TEST_F(QmpTest, HangsUpOnAMalformedEvent) {
  EXPECT_THAT(reason_to_hang_up("{\"event\": 7}\n"), HasSubstr("malformed event"));
}

TEST_F(QmpTest, HangsUpOnEventDataThatIsNoObject) {
  EXPECT_THAT(reason_to_hang_up("{\"event\": \"STOP\", \"data\": 7}\n"), HasSubstr("malformed event"));
}

TEST_F(QmpTest, HangsUpOnAMalformedError) {
  EXPECT_THAT(reason_to_hang_up("{\"error\": 7, \"id\": 1}\n"), HasSubstr("malformed error"));
}

TEST_F(QmpTest, HangsUpOnAnErrorWhoseTextIsNone) {
  EXPECT_THAT(reason_to_hang_up("{\"error\": {\"class\": 1, \"desc\": []}, \"id\": 1}\n"),
              HasSubstr("malformed error"));
}

TEST_F(QmpTest, HangsUpOnAnEndlessLine) {
  greet();
  const std::string chunk(64 * 1024, 'x');
  for (int i = 0; i < 17 && closed_.empty(); ++i) {
    say(chunk);
    settle();
  }
  ASSERT_EQ(closed_.size(), 1u);
  EXPECT_THAT(closed_.front(), StartsWith("QMP: line too long: xxx"));
  EXPECT_LT(closed_.front().size(), 200u);
}

TEST_F(QmpTest, SurvivesDeepNesting) {
  EXPECT_THAT(reason_to_hang_up(std::string(100'000, '[') + "\n"), HasSubstr("not a JSON object"));
}

}  // namespace
}  // namespace snaphammer::vmm
