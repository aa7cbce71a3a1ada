#include "guest-workloads/agent/http_server.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include "guest-workloads/agent/testing/agent_on_host.h"

namespace snaphammer::guest {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Local = asio::local::stream_protocol;

HttpLimits strict_limits() {
  HttpLimits limits;
  limits.connections = 4;
  limits.header_bytes = 1_KiB;
  limits.body_bytes = 2_KiB;
  limits.idle = 300ms;
  limits.header = 300ms;
  limits.body = 300ms;
  return limits;
}

Async<std::string> read_until_closed(Local::socket& socket) {
  std::string answer;
  co_await asio::async_read(socket, asio::dynamic_buffer(answer), as_result);
  co_return answer;
}

Async<std::string> talk(Local::socket& socket, std::string bytes) {
  co_await asio::async_write(socket, asio::buffer(bytes), as_result);
  Async<std::string> reading = read_until_closed(socket);
  co_return co_await std::move(reading);
}

class HttpServerTest : public AgentOnHost {
 protected:
  HttpServerTest() : AgentOnHost(strict_limits()) {}

  Local::socket connect() {
    Local::socket socket(context);
    socket.connect(Local::endpoint((directory / "agent.sock").string()));
    return socket;
  }
  /// Sends bytes as they are and returns all that comes until the agent closes the connection.
  std::string send_raw(const std::string& bytes) {
    Local::socket socket = connect();
    return run(with_deadline(20s, "answer", talk(socket, bytes))).value_or("(never closed)");
  }
  /// Everything until the agent closes, without sending.
  std::string wait_closed(Local::socket& socket) {
    return run(with_deadline(20s, "close", read_until_closed(socket))).value_or("(never closed)");
  }
};

TEST_F(HttpServerTest, AnswersHealth) {
  const auto health = run(client->health()).value();
  EXPECT_EQ(health.status, "ok");
  EXPECT_EQ(health.generation, "");
  EXPECT_GT(health.uptime, 0s);
  EXPECT_GT(health.wall_clock, health.uptime);
  EXPECT_EQ(health.boot_id.size(), 36U);
}

TEST_F(HttpServerTest, ServesSeveralRequestsOnOneConnection) {
  const std::string answer =
      send_raw("GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_NE(answer.find("HTTP/1.1 200", 1), std::string::npos) << answer;
}

TEST_F(HttpServerTest, TellsAnUnknownPathFromAWrongMethod) {
  EXPECT_THAT(send_raw("GET /nothing HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(send_raw("GET /exec HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(send_raw("POST /workloads/a/b/check HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 404"));
}

TEST_F(HttpServerTest, RefusesAHeaderThatIsTooLong) {
  EXPECT_THAT(send_raw("GET /health HTTP/1.1\r\nX: " + std::string(1500, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
}

TEST_F(HttpServerTest, RefusesABodyThatIsTooLong) {
  const std::string answer = send_raw("POST /exec HTTP/1.1\r\nContent-Length: 999999\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(answer, HasSubstr("longer than 2KiB"));
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) { EXPECT_THAT(send_raw("\r\nhello\r\n\r\n"), StartsWith("HTTP/1.1 400")); }

TEST_F(HttpServerTest, ClosesAConnectionThatSaysNothing) {
  Local::socket silent = connect();
  EXPECT_THAT(wait_closed(silent), IsEmpty());
}

TEST_F(HttpServerTest, ClosesAConnectionWhoseHeaderNeverEnds) {
  EXPECT_THAT(send_raw("GET /health HTTP/1.1\r\nHost:"), IsEmpty());
}

TEST_F(HttpServerTest, ClosesAConnectionWhoseBodyNeverComes) {
  EXPECT_THAT(send_raw("POST /exec HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"), IsEmpty());
}

TEST_F(HttpServerTest, AFloodOfSilentConnectionsDoesNotKeepOthersOut) {
  std::vector<Local::socket> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(connect());
  EXPECT_TRUE(run(client->health()));
  EXPECT_THAT(wait_closed(silent.front()), IsEmpty()) << "the longest waiting one had to go";
}

TEST_F(HttpServerTest, WorkIsNotThrownOutForNewConnections) {
  const ExecRequest request = shell_request("sleep 1; echo done");
  std::optional<Result<ExecResult>> busy;
  asio::co_spawn(context, client->exec(request), [&](const std::exception_ptr&, Result<ExecResult> r) { busy = r; });
  std::vector<Local::socket> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(connect());
  ASSERT_TRUE(works_until([&] { return busy.has_value(); }));
  ASSERT_TRUE(*busy);
  EXPECT_EQ((*busy)->output, "done\n");
}

}  // namespace
}  // namespace snaphammer::guest
