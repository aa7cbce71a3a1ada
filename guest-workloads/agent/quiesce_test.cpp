// Quiescing a guest and giving it back, through the agent's own requests.
#include "guest-workloads/agent/quiesce.h"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "guest-workloads/agent/testing/agent_on_host.h"

namespace snaphammer::guest {
namespace {

using agent::PrepareRequest;
using agent::QuiesceGc;

// Answers every command, a collection after `before_collected`, and notes it in a file.
std::string obedient(const std::string& before_collected = ":") {
  return R"(
echo '{"type":"ready"}'
while read -r command; do
  echo "$command" >> "$(dirname "$0")/commands"
  case "$command" in
    collect) )" +
         before_collected + R"(; echo '{"type":"collected"}' ;;
    quiesce*) echo '{"type":"quiesced"}' ;;
    resume) echo '{"type":"resumed"}' ;;
    stop) exit 0 ;;
  esac
done
)";
}

/// A client that has connected and, at its leisure, makes one request.
class Connection {
 public:
  Connection(asio::io_context& context, const Endpoint& agent) : context_(context), socket_(context) {
    socket_.connect(agent.address);
    context_.poll();  // The agent accepts it.
  }
  /// All of the answer; nothing when the agent has closed it.
  std::string ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    const std::string request = method + " " + target +
                                " HTTP/1.1\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                                "\r\n\r\n" + body;
    boost::system::error_code ignored;
    asio::write(socket_, asio::buffer(request), ignored);
    std::string answer;
    bool ended = false;
    asio::async_read(socket_, asio::dynamic_buffer(answer), [&](auto...) { ended = true; });
    EXPECT_TRUE(run_until(context_, [&] { return ended; }));
    return answer;
  }

 private:
  asio::io_context& context_;
  Socket socket_;
};

class Quiesce : public AgentOnHost {
 protected:
  void start(const std::string& as, const std::string& script = obedient()) {
    install_workload(as, script);
    agent::StartWorkload request;
    request.workload = as;
    request.as = as;
    ASSERT_TRUE(run(client->start_workload(request)));
  }
  std::vector<std::string> commands() const {
    std::ifstream file(directory / "workloads" / "commands");
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  bool quiesced() { return run(client->health()).value().quiesced; }
  Result<void> init(const std::string& generation) {
    agent::InitRequest request;
    request.generation = generation;
    auto report = run(client->init(request));
    if (!report) return report.error();
    return {};
  }
};

TEST_F(Quiesce, EveryWorkloadCollectsGarbageAndThenStandsStill) {
  start("a");
  start("b");
  EXPECT_FALSE(quiesced());
  ASSERT_TRUE(run(client->prepare({})));
  EXPECT_TRUE(quiesced());
  EXPECT_THAT(commands(), testing::ElementsAre("collect", "collect", "quiesce", "quiesce"));
}

TEST_F(Quiesce, KnobsChangeWhatWorkloadsAreAskedFor) {
  start("a");
  ASSERT_TRUE(run(client->prepare(PrepareRequest{.gc = QuiesceGc::kOff, .single_thread = false})));
  EXPECT_THAT(commands(), testing::ElementsAre("quiesce keep-threads"));
}

TEST_F(Quiesce, IsUndoneByRequestOnce) {
  start("a");
  ASSERT_TRUE(run(client->prepare({})));
  ASSERT_TRUE(run(client->undo_prepare()));
  EXPECT_FALSE(quiesced());
  ASSERT_TRUE(run(client->undo_prepare()));
  EXPECT_THAT(commands(), testing::ElementsAre("collect", "quiesce", "resume"));
}

TEST_F(Quiesce, AnUndoOfAPrepareThatIsUnderWayHasTheLastWord) {
  for (const QuiesceGc gc : {QuiesceGc::kFirst, QuiesceGc::kLast}) {
    const std::string as = gc == QuiesceGc::kFirst ? "first" : "last";
    start(as, obedient("sleep 0.5"));
    auto given_up = run(with_deadline(100ms, "prepare", client->prepare(PrepareRequest{.gc = gc})));
    EXPECT_EQ(given_up.error().kind(), ErrorKind::kTimeout);
    ASSERT_TRUE(run(client->undo_prepare()));
    EXPECT_FALSE(quiesced());
    EXPECT_THAT(commands(), testing::ElementsAre("collect", "resume"));
    ASSERT_TRUE(run(client->prepare(PrepareRequest{.gc = QuiesceGc::kOff}))) << "a later one is not given up";
    EXPECT_EQ(commands().back(), "quiesce");
    ASSERT_TRUE(run(client->undo_prepare()));
    ASSERT_TRUE(run(client->stop_workload(as, 5s)));
    std::filesystem::remove(directory / "workloads" / "commands");
  }
}

// As a guest that has been slow finds them: both are there, and the one that was sent first is read last.
TEST_F(Quiesce, APrepareThatIsReadAfterItsUndoIsRefused) {
  start("a");
  Connection prepare(context, config.listen);
  Connection undo(context, config.listen);
  EXPECT_THAT(undo.ask("POST", "/snapshot/undo"), testing::StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(prepare.ask("POST", "/snapshot/prepare", PrepareRequest().to_json().dump()),
              testing::StartsWith("HTTP/1.1 409 "));
  EXPECT_FALSE(quiesced());
  EXPECT_THAT(commands(), testing::IsEmpty());
}

TEST_F(Quiesce, AnUndoIsServedThatConnectedAfterItsPrepareAndWasReadLater) {
  start("a");
  Connection prepare(context, config.listen);
  Connection undo(context, config.listen);
  EXPECT_THAT(prepare.ask("POST", "/snapshot/prepare", PrepareRequest().to_json().dump()),
              testing::StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(undo.ask("POST", "/snapshot/undo"), testing::StartsWith("HTTP/1.1 200 "));
  EXPECT_FALSE(quiesced());
}

TEST_F(Quiesce, AConnectionThatWasIdleBeforeIsClosed) {
  Connection idle(context, config.listen);
  ASSERT_TRUE(run(client->prepare({})));
  EXPECT_EQ(idle.ask("GET", "/health"), "");
}

TEST_F(Quiesce, IsUndoneByTheFirstInitOfANewGenerationAndByNothingElse) {
  start("a");
  ASSERT_TRUE(init("g1"));
  ASSERT_TRUE(run(client->prepare({})));
  EXPECT_TRUE(quiesced());
  EXPECT_TRUE(quiesced()) << "a health check of the pause undoes nothing";
  ASSERT_TRUE(init("g1"));
  EXPECT_TRUE(quiesced()) << "nor does an init of the generation that was paused";
  ASSERT_TRUE(init("g2"));
  EXPECT_FALSE(quiesced());
  EXPECT_EQ(commands().back(), "resume");
}

TEST_F(Quiesce, TakenForTheFirstAfterARestoreAHealthCheckUndoesIt) {
  start("a");
  ASSERT_TRUE(run(client->prepare(PrepareRequest{.undone_by = agent::UndoneBy::kHealthCheck})));
  EXPECT_FALSE(quiesced());
  EXPECT_EQ(commands().back(), "resume");
}

TEST_F(Quiesce, AWorkloadThatDoesNotAnswerIsNamed) {
  start("deaf", "echo '{\"type\":\"ready\"}'\nwhile read -r command; do [ \"$command\" = stop ] && exit; done\n");
  auto prepared = run(client->prepare(PrepareRequest{.timeout = 50ms}));
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().kind(), ErrorKind::kTimeout);
  EXPECT_THAT(prepared.error().message(), testing::HasSubstr("workload deaf: collect: no answer within 50ms"));
  EXPECT_TRUE(quiesced()) << "some workloads may stand still: there is something to undo";
}

TEST_F(Quiesce, AWorkloadThatHasEndedIsInNobodysWay) {
  start("short", "echo '{\"type\":\"ready\"}'\nexit 3\n");
  EXPECT_TRUE(run(client->prepare({})));
  EXPECT_TRUE(run(client->undo_prepare()));
}

TEST_F(Quiesce, AListenerRegisteredTwiceEatsOneConnection) {
  ASSERT_EQ(listen_for_output().epoch, 1U);  // While it is not connected, the agent registers anew at every attempt.
  agent::InitRequest request;
  request.generation = "g1";
  request.listener = agent::ListenerAfterReset::kDoubleRebind;
  ASSERT_TRUE(run(client->init(request)));
  ASSERT_TRUE(run(client->health()));
  output.reset();  // As a transport reset does.
  ASSERT_EQ(listen_for_output(1).epoch, 2U);
  Client impatient(context.get_executor(), door(), {.request_timeout = 300ms});
  EXPECT_EQ(run(impatient.health()).error().kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(run(client->health()));
}

TEST_F(Quiesce, AListenerRegisteredOnceEatsNone) {
  ASSERT_TRUE(init("g1"));
  EXPECT_GT(listen_for_output().epoch, 0u);
  Client impatient(context.get_executor(), door(), {.request_timeout = 5s});
  EXPECT_TRUE(run(impatient.health()));
}

}  // namespace
}  // namespace snaphammer::guest
