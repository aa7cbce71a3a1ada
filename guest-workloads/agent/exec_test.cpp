#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "guest-workloads/agent/testing/agent_on_host.h"

namespace snaphammer::guest {
namespace {

using testing::HasSubstr;

class Exec : public AgentOnHost {
 protected:
  /// Whether a process runs; one that has ended and waits to be reaped by somebody does not.
  bool is_alive(const std::string& pid) const {
    std::ifstream file("/proc/" + std::to_string(std::stoi(pid)) + "/stat");
    std::string number, name, state;
    file >> number >> name >> state;
    return file && state != "Z" && state != "X";
  }

  std::string file_content(const std::string& name) const {
    std::ifstream file(directory / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(Exec, ReturnsBothOutputsAndTheExitCode) {
  const ExecResult result = shell("echo out; echo err >&2; exit 3").value();
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.error_output, "err\n");
  EXPECT_EQ(result.end.code, 3);
  EXPECT_FALSE(result.success());
}

TEST_F(Exec, ReportsTheSignalThatEndedIt) {
  const ExecResult result = shell("kill -SEGV $$").value();
  EXPECT_EQ(result.end.signal, SIGSEGV);
  EXPECT_EQ(result.end.code, std::nullopt);
}

TEST_F(Exec, FeedsInputAndClosesIt) {
  ExecRequest request = shell_request("wc -c");
  request.input = std::string(1'000'000, 'x') + '\0';
  const ExecResult result = run(client->exec(request)).value();
  EXPECT_EQ(std::stoi(result.output), 1'000'001);
}

TEST_F(Exec, AProcessThatIgnoresItsInputIsNoError) {
  ExecRequest request = shell_request("exec <&-; echo done");
  request.input = std::string(1'000'000, 'x');
  EXPECT_EQ(run(client->exec(request)).value().output, "done\n");
}

TEST_F(Exec, GivesEnvironmentAndDirectory) {
  ExecRequest request = shell_request("echo $GREETING; pwd");
  request.environment["GREETING"] = "hello";
  request.directory = "/usr";
  EXPECT_EQ(run(client->exec(request)).value().output, "hello\n/usr\n");
}

TEST_F(Exec, DeliversAllOfALargeOutput) {
  const ExecResult result = shell("head -c 3000000 /dev/zero | tr '\\0' x; exit 1").value();
  EXPECT_EQ(result.output.size(), 3'000'000U);
  EXPECT_EQ(result.dropped_bytes, 0U);
  EXPECT_EQ(result.end.code, 1);
}

TEST_F(Exec, KeepsABoundedOutputAndCountsTheRest) {
  agent::ClientOptions options;
  options.max_output = 1000;
  client.emplace(context.get_executor(), door(), options);
  const ExecResult result = shell("head -c 5000 /dev/zero").value();
  EXPECT_EQ(result.output.size(), 1000U);
  EXPECT_EQ(result.dropped_bytes, 4000U);
}

TEST_F(Exec, TheProcessGetsItsThreeStreamsAndNoOtherDescriptor) {
  ExecRequest request = shell_request("");
  request.command = {"ls", "/proc/self/fd"};
  EXPECT_EQ(run(client->exec(request)).value().output, "0\n1\n2\n3\n") << "3 is the directory that ls itself opened";
}

TEST_F(Exec, AMissingProgramIsAResultWithTheReason) {
  ExecRequest request = shell_request("");
  request.command = {"no-such-program"};
  const ExecResult result = run(client->exec(request)).value();
  EXPECT_FALSE(result.end.ended());
  EXPECT_THAT(result.error, HasSubstr("no-such-program"));
}

TEST_F(Exec, AMissingDirectoryIsAResultWithTheReason) {
  ExecRequest request = shell_request("true");
  request.directory = "/no/such/directory";
  EXPECT_THAT(run(client->exec(request)).value().error, HasSubstr("/no/such/directory"));
}

TEST_F(Exec, TheTimeoutKillsTheWholeProcessGroup) {
  const ExecResult result = shell("sleep 100 & echo $!; wait", 300ms).value();
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.end.signal, SIGKILL);
  EXPECT_TRUE(works_until([&] { return !is_alive(result.output); }));
}

TEST_F(Exec, EndsWithItsProcessThoughABackgroundOneHoldsTheOutput) {
  const TimePoint start = SteadyClock::now();
  const ExecResult result = shell("sleep 60 & echo $!").value();
  EXPECT_LT(SteadyClock::now() - start, 30s);
  EXPECT_TRUE(is_alive(result.output)) << "a process left behind must live on";
  ::kill(std::stoi(result.output), SIGKILL);
}

TEST_F(Exec, AFinishedIdIsNotRunAgain) {
  ExecRequest request = shell_request("echo x >> " + (directory / "runs").string() + "; exit 4");
  EXPECT_FALSE(run(client->exec(request)).value().recorded);
  const ExecResult again = run(client->exec(request)).value();
  EXPECT_TRUE(again.recorded);
  EXPECT_EQ(again.end.code, 4);
  EXPECT_EQ(file_content("runs"), "x\n");
}

TEST_F(Exec, ARunningIdIsRefused) {
  const ExecRequest request = shell_request("echo started; sleep 100", 100s);
  bool started = false;
  asio::co_spawn(context, client->exec(request, [&](Client::Stream, std::string_view) { started = true; }),
                 [](const std::exception_ptr&, const Result<ExecResult>&) {});
  ASSERT_TRUE(works_until([&] { return started; }));
  const auto second = run(client->exec(request));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(second.error().message(), HasSubstr("runs already"));
}

TEST_F(Exec, CancellingTheCallEndsTheProcess) {
  asio::cancellation_signal cancel;
  std::string pid;
  bool ended = false;
  const auto call_ended = [&](const std::exception_ptr&, const Result<ExecResult>&) { ended = true; };
  asio::co_spawn(context,
                 client->exec(shell_request("echo $$; exec sleep 100", 100s),
                              [&](Client::Stream, std::string_view text) { pid += text; }),
                 asio::bind_cancellation_slot(cancel.slot(), call_ended));
  ASSERT_TRUE(works_until([&] { return !pid.empty(); }));
  cancel.emit(asio::cancellation_type::terminal);
  EXPECT_TRUE(works_until([&] { return ended; }));
  EXPECT_TRUE(works_until([&] { return !is_alive(pid); }));
}

TEST_F(Exec, AClientThatGoesAwayEndsIt) {
  const ExecRequest request = shell_request("echo $$; sleep 100", 100s);
  std::string pid;
  const auto ended = [](const std::exception_ptr&, const Result<ExecResult>&) {};
  asio::co_spawn(context, client->exec(request, [&](Client::Stream, std::string_view text) { pid += text; }), ended);
  ASSERT_TRUE(works_until([&] { return !pid.empty(); }));
  relay->reset_all();
  EXPECT_TRUE(works_until([&] { return !is_alive(pid); }));
}

TEST_F(Exec, ManyRunInParallel) {
  int succeeded = 0;
  constexpr int kMany = 40;
  int ended = 0;
  for (int i = 0; i < kMany; ++i) {
    const std::string text = std::to_string(i) + "\n";
    asio::co_spawn(context, client->exec(shell_request("echo " + text)),
                   [&, text](const std::exception_ptr&, const Result<ExecResult>& result) {
                     succeeded += result && result->output == text && result->success();
                     ++ended;
                   });
  }
  EXPECT_TRUE(works_until([&] { return ended == kMany; }));
  EXPECT_EQ(succeeded, kMany);
}

TEST_F(Exec, ASlowClientHoldsTheProcessBackInsteadOfFillingMemory) {
  // The door is read only after the process had every chance to write all it wants.
  const std::string done = (directory / "done").string();
  ExecRequest request = shell_request("head -c 8000000 /dev/zero; touch " + done);
  bool looked = false;
  bool was_done = true;
  const auto slow = [&](Client::Stream, std::string_view) {
    if (looked) return;
    looked = true;
    ::usleep(300'000);  // Blocks this thread, and with it the agent's reading, as a stuck client would.
    was_done = std::filesystem::exists(done);
  };
  const ExecResult result = run(client->exec(request, slow)).value();
  EXPECT_FALSE(was_done);
  EXPECT_EQ(result.output.size() + result.dropped_bytes, 8'000'000U);
}

TEST_F(Exec, AnInvalidRequestSaysWhatIsWrong) {
  ExecRequest request = shell_request("true");
  request.command.clear();
  const auto result = run(client->exec(request));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kInvalid);
  EXPECT_THAT(result.error().message(), HasSubstr("empty command"));
}

}  // namespace
}  // namespace snaphammer::guest
