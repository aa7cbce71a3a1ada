#include "guest-workloads/agent/workload.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "guest-workloads/agent/testing/agent_on_host.h"

namespace snaphammer::guest {
namespace {

using agent::CheckReport;
using agent::Finding;
using agent::WorkloadInfo;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class Workloads : public AgentOnHost {
 protected:
  Result<WorkloadInfo> start(const std::string& workload, std::map<std::string, std::string> args = {},
                             Duration timeout = 20s) {
    return run(client->start_workload({.workload = workload, .as = "w", .args = args, .timeout = timeout}));
  }
  Result<CheckReport> check(Duration timeout = 20s) {
    findings.clear();
    return run(client->check_workload("w", timeout, [this](Finding finding) { findings.push_back(finding); }));
  }
  Result<WorkloadInfo> stop(Duration timeout = 20s) { return run(client->stop_workload("w", timeout)); }

  std::vector<Finding> findings;
};

// Answers each check with as many findings as --findings says, and then a verdict.
constexpr char kChecker[] = R"(
n=$2; checks=0
echo '{"type":"ready"}'
while read command; do
  case $command in
    check) checks=$((checks + 1)); i=0
      while [ $i -lt $n ]; do i=$((i + 1)); echo '{"type":"finding","id":"stale-page","message":"m'$i'","evidence":{"page":'$i'}}'; done
      echo '{"type":"verdict","pass":false,"checks":'$checks'}';;
    stop) exit 0;;
  esac
done
)";

TEST_F(Workloads, StartReturnsWhenItIsReady) {
  install_workload("slow-start", "sleep 0.3; touch $2; echo '{\"type\":\"ready\"}'; read stop");
  const std::string mark = (directory / "mark").string();
  const WorkloadInfo info = start("slow-start", {{"mark", mark}}).value();
  EXPECT_TRUE(std::filesystem::exists(mark));
  EXPECT_EQ(info.as, "w");
  EXPECT_GT(info.pid, 0);
  EXPECT_FALSE(info.end.ended());
}

TEST_F(Workloads, OneThatDiesBeforeItIsReadyIsReportedWithItsLastWords) {
  install_workload("broken", "echo 'no memory left' >&2; exit 5");
  const auto started = start("broken");
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr("exited with status 5"));
  EXPECT_THAT(started.error().message(), HasSubstr("no memory left"));
  EXPECT_TRUE(run(client->workloads()).value().empty());
}

TEST_F(Workloads, OneThatIsNeverReadyIsEnded) {
  install_workload("mute", "sleep 100");
  const auto started = start("mute", {}, 300ms);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(run(client->workloads()).value().empty());
}

TEST_F(Workloads, AnUnknownProgramIsRefused) {
  const auto started = start("nonesuch");
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind(), ErrorKind::kInvalid);
  EXPECT_THAT(started.error().message(), HasSubstr("no workload 'nonesuch'"));
}

TEST_F(Workloads, ANameIsTakenOnlyWhileItsWorkloadRuns) {
  install_workload("checker", kChecker);
  ASSERT_TRUE(start("checker", {{"findings", "0"}}));
  EXPECT_EQ(start("checker").error().kind(), ErrorKind::kUnavailable);
  ASSERT_TRUE(stop());
  EXPECT_TRUE(start("checker", {{"findings", "0"}}));
}

TEST_F(Workloads, ACheckDeliversFindingsAndThenTheVerdict) {
  install_workload("checker", kChecker);
  ASSERT_TRUE(start("checker", {{"findings", "3"}}));
  const CheckReport report = check().value();
  EXPECT_FALSE(report.pass);
  EXPECT_EQ(report.counters["checks"], 1);
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[2].id, "stale-page");
  EXPECT_EQ(findings[2].message, "m3");
  EXPECT_EQ(findings[2].evidence["page"], 3);
}

// Sets pages aside at 4 KiB and 5 GiB, unless it is asked for three, and takes back what is expected to be zeros.
constexpr char kLender[] = R"(
echo '{"type":"ready"}'
while read command; do
  case $command in
    'set-aside 2') echo '{"type":"beat"}'; echo '{"type":"set-aside","pages":[4096,5368709120]}';;
    'set-aside 3') echo '{"type":"refused","command":"'$command'","why":"at most two"}';;
    'set-aside 4') echo '{"type":"set-aside","pages":["0x1000"]}';;
    'take-back zeros') echo '{"type":"taken-back","pages":2}';;
    stop) exit 0;;
  esac
done
)";

TEST_F(Workloads, PagesAreSetAsideAndTakenBack) {
  install_workload("lender", kLender);
  ASSERT_TRUE(start("lender"));
  const auto pages = run(client->set_aside("w", {.pages = 2, .timeout = 20s}));
  ASSERT_TRUE(pages) << pages.error().describe();
  EXPECT_THAT(pages->addresses, ElementsAre(4096U, 5_GiB));
  const auto taken_back = run(client->take_back("w", {.expected = agent::PageContent::kZeros, .timeout = 20s}));
  EXPECT_TRUE(taken_back) << taken_back.error().describe();
}

TEST_F(Workloads, ARefusalIsAnErrorWithTheReasonAtOnce) {
  install_workload("lender", kLender);
  ASSERT_TRUE(start("lender"));
  for (int time = 0; time < 2; ++time) {
    const auto refused = run(client->set_aside("w", {.pages = 3, .timeout = 10min}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::kUnavailable);
    EXPECT_THAT(refused.error().message(), HasSubstr("set-aside 3: at most two"));
  }
}

TEST_F(Workloads, AddressesThatAreNoneAreAnError) {
  install_workload("lender", kLender);
  ASSERT_TRUE(start("lender"));
  EXPECT_EQ(run(client->set_aside("w", {.pages = 4, .timeout = 20s})).error().kind(), ErrorKind::kInvalid);
}

TEST_F(Workloads, OneThatDoesNotAnswerIsATimeout) {
  install_workload("lender", kLender);
  ASSERT_TRUE(start("lender"));
  const auto late = run(client->take_back("w", {.expected = agent::PageContent::kWritten, .timeout = 100ms}));
  EXPECT_EQ(late.error().kind(), ErrorKind::kTimeout);
}

TEST_F(Workloads, FindingsAreDeliveredOnce) {
  install_workload("checker", kChecker);
  ASSERT_TRUE(start("checker", {{"findings", "1"}}));
  ASSERT_TRUE(check());
  const CheckReport second = check().value();
  EXPECT_EQ(second.counters["checks"], 2);
  EXPECT_EQ(findings.size(), 1U);
}

TEST_F(Workloads, FortyThousandFindingsArriveAll) {
  install_workload("many", R"(echo '{"type":"ready"}'
    awk 'BEGIN { for (i = 0; i < 40000; i++) printf "{\"type\":\"finding\",\"id\":\"stale-page\",\"message\":\"page %d at 0x7f0000000000 is not zero, and here is some more text to make the line long\",\"evidence\":{\"page\":%d,\"read\":\"%0200d\"}}\n", i, i, i }'
    read check; echo '{"type":"verdict","pass":false}'; read stop)");
  ASSERT_TRUE(start("many"));
  ASSERT_TRUE(check(60s));
  EXPECT_EQ(findings.size(), 40000U);
  EXPECT_EQ(findings.back().evidence["page"], 39999);
}

TEST_F(Workloads, FindingsMadeBeforeACheckAreBoundedInMemory) {
  install_workload("many", R"(echo '{"type":"ready"}'
    awk 'BEGIN { for (i = 0; i < 40000; i++) printf "{\"type\":\"finding\",\"id\":\"stale-page\",\"message\":\"%0300d\"}\n", i }'
    read stop)");
  ASSERT_TRUE(start("many"));
  ASSERT_EQ(shell("sleep 1").value().end.code, 0);
  const auto list = run(client->workloads()).value();
  EXPECT_LT(list.at(0).undelivered_bytes, 5_MiB);
  EXPECT_GT(list.at(0).undelivered_bytes, 3_MiB);
}

TEST_F(Workloads, ADeathIsTheAnswerToACheckAfterAllItsFindings) {
  install_workload("mortal", R"(echo '{"type":"ready"}'
    read check; echo '{"type":"finding","id":"heap-corruption","message":"last words"}'; echo ouch >&2; kill -ABRT $$)");
  ASSERT_TRUE(start("mortal"));
  const CheckReport report = check().value();
  ASSERT_TRUE(report.died);
  EXPECT_EQ(report.died->end.signal, SIGABRT);
  EXPECT_EQ(report.died->stderr_tail, "ouch\n");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].message, "last words");
}

TEST_F(Workloads, ACrashIsTheFindingThatItsReadyNamed) {
  install_workload("goes", R"(echo '{"type":"ready","crash":"heap-corruption"}'; read check
    { echo 'runtime: summary max pages = 12'; echo 'fatal error: bad summary data'; echo; i=0
      while [ $i -lt 2000 ]; do i=$((i + 1)); echo "goroutine $i [running]:"; done; } >&2; exit 2)");
  ASSERT_TRUE(start("goes"));
  const CheckReport report = check().value();
  ASSERT_TRUE(report.died && report.died->crash);
  EXPECT_EQ(report.died->crash->finding, "heap-corruption");
  EXPECT_EQ(report.died->crash->headline, "fatal error: bad summary data");
  EXPECT_THAT(report.died->crash->report, StartsWith("runtime: summary max pages = 12\nfatal error: bad summary"));
  EXPECT_THAT(report.died->crash->report, HasSubstr("\ngoroutine 1 [running]:\n"));
  EXPECT_THAT(report.died->stderr_tail, HasSubstr("goroutine 2000 "));
}

TEST_F(Workloads, ADeathWithoutAReportOrOneThatNobodyNamedIsNoCrash) {
  const std::map<std::string, std::string> ways = {
      {"says-nothing", R"(echo '{"type":"ready","crash":"heap-corruption"}'; read check; kill -KILL $$)"},
      {"is-not-named", R"(echo '{"type":"ready"}'; read check; echo 'panic: no' >&2; exit 2)"},
      {"ends-well", R"(echo '{"type":"ready","crash":"heap-corruption"}'; read check; echo 'panic: no' >&2; exit 0)"}};
  for (const auto& [name, script] : ways) {
    install_workload(name, script);
    ASSERT_TRUE(start(name));
    const CheckReport report = check().value();
    ASSERT_TRUE(report.died) << name;
    EXPECT_FALSE(report.died->crash) << name;
  }
}

TEST_F(Workloads, AVerdictThatComesTooLateIsATimeoutAndIsNotTakenForTheNextCheck) {
  install_workload("slow", R"(echo '{"type":"ready"}'
    read check; sleep 0.8; echo '{"type":"verdict","pass":true,"check":1}'
    read check; echo '{"type":"verdict","pass":true,"check":2}'; read stop)");
  ASSERT_TRUE(start("slow"));
  EXPECT_EQ(check(200ms).error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(check().value().counters["check"], 2);
}

TEST_F(Workloads, ACheckMayTakeAsLongAsFindingsCome) {
  install_workload("steady", R"(echo '{"type":"ready"}'; read check
    for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; echo '{"type":"finding","id":"stale-page","message":"m"}'; done
    echo '{"type":"verdict","pass":false}'; read stop)");
  ASSERT_TRUE(start("steady"));
  EXPECT_TRUE(check(1s)) << "ten findings, 200 ms between them";
  EXPECT_EQ(findings.size(), 10U);
}

TEST_F(Workloads, FindingsOfACheckWhoseClientWentAwayStay) {
  install_workload("slow", R"(echo '{"type":"ready"}'
    read check; sleep 0.5; echo '{"type":"finding","id":"stale-page","message":"kept"}'; echo '{"type":"verdict","pass":false}'
    read check; echo '{"type":"verdict","pass":false}'; read stop)");
  ASSERT_TRUE(start("slow"));
  const std::size_t before = relay->accepted();
  bool failed = false;
  asio::co_spawn(context, client->check_workload("w", 20s, {}),
                 [&](const std::exception_ptr&, const Result<CheckReport>& result) { failed = !result; });
  ASSERT_TRUE(works_until([&] { return relay->accepted() > before; }));
  ASSERT_EQ(shell("sleep 0.2").value().end.code, 0);
  relay->reset_all();
  ASSERT_TRUE(works_until([&] { return failed; }));
  ASSERT_TRUE(check());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].message, "kept");
}

TEST_F(Workloads, AVerdictThatCannotBeReadIsNoPass) {
  install_workload("vague",
                   R"(echo '{"type":"ready"}'; read check; echo '{"type":"verdict","pass":"maybe"}'; read stop)");
  ASSERT_TRUE(start("vague"));
  EXPECT_FALSE(check().value().pass);
}

TEST_F(Workloads, AFindingThatIsNotJsonEndsTheCheckWithAnError) {
  install_workload("mangled", R"(echo '{"type":"ready"}'; read check; echo '{"type":"finding",garbage'
    echo '{"type":"verdict","pass":true}'; read stop)");
  ASSERT_TRUE(start("mangled"));
  const auto checked = check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind(), ErrorKind::kInvalid);
}

TEST_F(Workloads, StopAsksFirst) {
  install_workload("checker", kChecker);
  ASSERT_TRUE(start("checker", {{"findings", "0"}}));
  EXPECT_EQ(stop().value().end.code, 0);
}

TEST_F(Workloads, StopKillsOneThatDoesNotListen) {
  install_workload("deaf", "echo '{\"type\":\"ready\"}'; while :; do sleep 100; done");
  ASSERT_TRUE(start("deaf"));
  EXPECT_EQ(stop(300ms).value().end.signal, SIGKILL);
}

TEST_F(Workloads, AStoppedOneStillDeliversItsFindings) {
  install_workload(
      "early", R"(echo '{"type":"finding","id":"stale-page","message":"early"}'; echo '{"type":"ready"}'; read stop)");
  ASSERT_TRUE(start("early"));
  ASSERT_TRUE(stop());
  ASSERT_TRUE(check().value().died);
  EXPECT_EQ(findings.size(), 1U);
}

TEST_F(Workloads, OutputThatIsNotOfTheContractIsForwardedAsLog) {
  install_workload("chatty", R"(echo 'plain text'; echo '{"type":"ready"}'; read stop)");
  listen_for_output();
  ASSERT_TRUE(start("chatty"));
  ASSERT_TRUE(works_until([&] { return !lines.empty(); }));
  EXPECT_EQ(lines[0].type, "log");
  EXPECT_EQ(lines[0].fields["text"], "plain text");
}

TEST_F(Workloads, TheEndOfOneIsToldToTheHost) {
  install_workload("brief", R"(echo '{"type":"ready"}'; exit 3)");
  listen_for_output();
  ASSERT_TRUE(start("brief"));
  ASSERT_TRUE(works_until([&] { return !lines.empty(); }));
  EXPECT_EQ(lines[0].type, "ended");
  EXPECT_EQ(lines[0].fields["code"], 3);
}

TEST_F(Workloads, TheIdentitysEnvironmentReachesThem) {
  agent::InitRequest init;
  init.generation = "g1";
  init.identity.environment["WHO"] = "me";
  ASSERT_TRUE(run(client->init(init)));
  EXPECT_EQ(run(client->health()).value().generation, "g1");
  install_workload(
      "who",
      R"(echo "{\"type\":\"finding\",\"id\":\"who\",\"message\":\"$WHO\"}"; echo '{"type":"ready"}'; read stop)");
  ASSERT_TRUE(start("who"));
  ASSERT_TRUE(stop());
  ASSERT_TRUE(check());
  EXPECT_EQ(findings.at(0).message, "me");
  EXPECT_EQ(shell("echo $WHO").value().output, "me\n");
}

}  // namespace
}  // namespace snaphammer::guest
