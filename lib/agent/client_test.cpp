// The client against doors and guests that do not behave.
#include "lib/agent/client.h"

#include <filesystem>

#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include "lib/base/testing/run_async.h"
#include "lib/base/testing/temporary_directory.h"

namespace snaphammer::agent {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests
using testing::HasSubstr;
using Local = asio::local::stream_protocol;

// A door that answers every connection with the same bytes, whatever it is asked.
class HostileGuest : public testing::Test {
 protected:
  HostileGuest() {
    options.connect_timeout = 500ms;
    options.request_timeout = 1s;
  }

  std::filesystem::path door() const { return directory / "door"; }

  /// Says `greeting` to a CONNECT, then `answer` to the request, and closes, or stays open.
  void answers(std::string greeting, std::string answer = "", bool close = true) {
    acceptor.emplace(context, Local::endpoint(door().string()));
    asio::co_spawn(context, serve(std::move(greeting), std::move(answer), close), asio::detached);
  }
  void answers_http(const std::string& body, const std::string& status = "200 OK") {
    answers("OK 1024\n",
            "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  Awaitable<void> serve(std::string greeting, std::string answer, bool close) {
    auto [error, socket] = co_await acceptor->async_accept(as_result);
    std::string line;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(line), '\n', as_result);
    connect_line = line;
    co_await asio::async_write(socket, asio::buffer(greeting), as_result);
    if (!answer.empty()) {
      std::string request;
      co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", as_result);
      co_await asio::async_write(socket, asio::buffer(answer), as_result);
    }
    if (!close) kept = std::move(socket);
  }

  Client client() { return Client(context.get_executor(), door(), options); }
  template <class T>
  Error error_of(Async<T> call) {
    const Result<T> result = run_async(context, std::move(call));
    return result ? Error(ErrorKind::kInternal, "(no error)") : result.error();
  }
  Error health_error() {
    Client asking = client();
    return error_of(asking.health());
  }
  Error exec_error() {
    Client asking = client();
    ExecRequest request{.id = "x", .command = {"true"}, .environment = {}, .input = {}, .timeout = 1s};
    return error_of(asking.exec(request));
  }

  TemporaryDirectory directory;
  asio::io_context context;
  ClientOptions options;
  std::optional<Local::acceptor> acceptor;
  std::optional<Local::socket> kept;
  std::string connect_line;
};

TEST_F(HostileGuest, NoDoorIsGone) { EXPECT_EQ(health_error().kind(), ErrorKind::kGone); }

TEST_F(HostileGuest, ADoorThatClosesIsGone) {
  answers("");
  EXPECT_EQ(health_error().kind(), ErrorKind::kGone);
  EXPECT_EQ(connect_line, "CONNECT 1024\n");
}

TEST_F(HostileGuest, ADoorThatSaysNothingIsATimeout) {
  answers("", "", false);
  EXPECT_EQ(health_error().kind(), ErrorKind::kTimeout);
}

TEST_F(HostileGuest, ADoorThatSaysSomethingElseIsInvalid) {
  answers("HELLO\n");
  EXPECT_EQ(health_error().kind(), ErrorKind::kInvalid);
}

TEST_F(HostileGuest, ADoorThatTalksWithoutEndIsInvalid) {
  answers(std::string(1000, 'O'), "", false);
  EXPECT_EQ(health_error().kind(), ErrorKind::kInvalid);
}

TEST_F(HostileGuest, AnAgentThatNeverAnswersIsATimeout) {
  answers("OK 1024\n", "", false);
  EXPECT_EQ(health_error().kind(), ErrorKind::kTimeout);
}

TEST_F(HostileGuest, AConnectionThatBreaksIsGone) {
  answers("OK 1024\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
  EXPECT_EQ(health_error().kind(), ErrorKind::kGone);
}

TEST_F(HostileGuest, AnswersThatAreNotHttpAreInvalid) {
  answers("OK 1024\n", "SSH-2.0-OpenSSH\r\n\r\n");
  EXPECT_EQ(health_error().kind(), ErrorKind::kInvalid);
}

TEST_F(HostileGuest, AHeaderWithoutEndIsInvalid) {
  answers("OK 1024\n", "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'), false);
  EXPECT_EQ(health_error().kind(), ErrorKind::kInvalid);
}

TEST_F(HostileGuest, AnAnswerThatIsTooLongIsInvalid) {
  options.max_response = 1000;
  answers_http(std::string(2000, ' '));
  const Error error = health_error();
  EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
  EXPECT_THAT(error.message(), HasSubstr("longer than"));
}

TEST_F(HostileGuest, AnAnswerOfAnotherShapeIsInvalid) {
  answers_http("{\"status\":\"ok\"}");
  EXPECT_THAT(health_error().message(), HasSubstr("field 'version'"));
}

TEST_F(HostileGuest, TheAgentsOwnWordsArriveWithTheRightKind) {
  answers_http("{\"error\":\"exec x runs already\",\"advice\":\"wait\"}", "409 Conflict");
  const Error error = exec_error();
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(error.message(), "agent: POST /exec: exec x runs already");
  EXPECT_EQ(error.advice(), "wait");
}

TEST_F(HostileGuest, WordsOfAGuestCannotForgeLines) {
  answers_http("{\"error\":\"a\\nverdict: pass\\u001b[2J\"}", "500 No");
  EXPECT_EQ(health_error().message(), "agent: GET /health: a verdict: pass [2J");
}

TEST_F(HostileGuest, AnErrorThatIsNotJsonIsStillAnError) {
  answers_http("<html>", "502 Bad Gateway");
  EXPECT_THAT(health_error().message(), HasSubstr("HTTP status 502: <html>"));
}

TEST_F(HostileGuest, AStreamWithoutExitFrameIsInvalid) {
  answers_http("{\"type\":\"started\"}\n");
  EXPECT_THAT(exec_error().message(), HasSubstr("no exit frame"));
}

TEST_F(HostileGuest, AFrameAfterTheExitIsInvalid) {
  answers_http("{\"type\":\"exit\",\"code\":0}\n{\"type\":\"exit\",\"code\":0}\n");
  EXPECT_THAT(exec_error().message(), HasSubstr("after the exit frame"));
}

TEST_F(HostileGuest, ALineWithoutEndIsInvalid) {
  answers_http(std::string(200'000, 'x'));
  EXPECT_THAT(exec_error().message(), HasSubstr("longer than 64KiB"));
}

TEST_F(HostileGuest, ALastLineThatIsCutIsInvalid) {
  answers_http("{\"type\":\"exit\",\"code\":0}");
  EXPECT_THAT(exec_error().message(), HasSubstr("no end"));
}

TEST_F(HostileGuest, AVerdictMustBeThere) {
  answers_http("{\"type\":\"finding\",\"id\":\"stale-page\",\"message\":\"m\"}\n");
  Client asking = client();
  EXPECT_THAT(error_of(asking.check_workload("w", 1s, {})).message(), HasSubstr("no verdict"));
}

TEST_F(HostileGuest, AWorkloadNameCannotLeaveItsPath) {
  Client asking = client();
  EXPECT_EQ(error_of(asking.stop_workload("../init", 1s)).kind(), ErrorKind::kInvalid);
}

}  // namespace
}  // namespace snaphammer::agent
