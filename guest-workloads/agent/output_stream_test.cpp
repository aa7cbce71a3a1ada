#include "guest-workloads/agent/output_stream.h"

#include <gmock/gmock.h>

#include "guest-workloads/agent/kernel_log.h"
#include "guest-workloads/agent/testing/agent_on_host.h"

namespace snaphammer::guest {
namespace {

using testing::HasSubstr;

class Output : public AgentOnHost {
 protected:
  /// What a transport reset does: every connection is gone, listeners stay.
  void reset_transport() {
    output.reset();
    relay->reset_all();
  }
};

TEST_F(Output, SaysReadyWithTheFirstEpoch) {
  const agent::Ready ready = listen_for_output();
  EXPECT_EQ(ready.epoch, 1U);
  EXPECT_EQ(ready.boot_id.size(), 36U);
  EXPECT_EQ(run(client->health()).value().output_epoch, 1U);
}

TEST_F(Output, AfterEachResetSaysReadyWithTheNextEpochAndServes) {
  ASSERT_EQ(listen_for_output().epoch, 1U);
  for (std::uint64_t epoch = 1; epoch <= 20; ++epoch) {
    reset_transport();
    ASSERT_EQ(listen_for_output(epoch).epoch, epoch + 1);
    ASSERT_EQ(shell("echo hi").value().output, "hi\n");
  }
}

TEST_F(Output, ARequestThatWaitsInTheBacklogDuringAResetIsServed) {
  ASSERT_EQ(listen_for_output().epoch, 1U);
  reset_transport();
  // Connected before the agent has seen the reset: re-registering must not lose it.
  asio::local::stream_protocol::socket waiting(context);
  waiting.connect(asio::local::stream_protocol::endpoint((directory / "agent.sock").string()));
  ASSERT_EQ(listen_for_output(1).epoch, 2U);
  const std::string request = "GET /health HTTP/1.0\r\n\r\n";
  asio::write(waiting, asio::buffer(request));
  bool answered = false;
  waiting.async_wait(asio::socket_base::wait_read, [&](const boost::system::error_code& e) { answered = !e; });
  EXPECT_TRUE(works_until([&] { return answered; }));
}

TEST_F(Output, LinesAreNumberedWithoutGaps) {
  install_workload("talker", R"(echo '{"type":"ready"}'; for i in 1 2 3; do echo "{\"type\":\"beat\",\"n\":$i}"; done
                                echo oops >&2; read stop)");
  listen_for_output();
  ASSERT_TRUE(run(client->start_workload({.workload = "talker", .as = "t", .args = {}})));
  ASSERT_TRUE(works_until([&] { return lines.size() >= 4; }));
  EXPECT_EQ(run(client->health()).value().output_next_seq, lines.size() + 1);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].seq, i + 1);
    EXPECT_EQ(lines[i].lost_before, 0U);
  }
}

TEST_F(Output, WhatIsSaidWhileNobodyListensComesLater) {
  install_workload("talker", R"(echo '{"type":"ready"}'; echo '{"type":"beat","n":7}'; read stop)");
  ASSERT_TRUE(run(client->start_workload({.workload = "talker", .as = "t", .args = {}})));
  ASSERT_EQ(shell("sleep 0.2").value().end.code, 0);
  listen_for_output();
  ASSERT_TRUE(works_until([&] { return !lines.empty(); }));
  EXPECT_EQ(lines[0].fields["n"], 7);
  EXPECT_EQ(lines[0].fields["as"], "t");
}

TEST_F(Output, DroppedLinesLeaveAVisibleGap) {
  install_workload("flood", R"(echo '{"type":"ready"}'
    line=$(head -c 30000 /dev/zero | tr '\0' x); for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "$line"; done
    echo '{"type":"beat","last":true}'; read stop)");
  ASSERT_TRUE(run(client->start_workload({.workload = "flood", .as = "f", .args = {}})));
  ASSERT_EQ(shell("sleep 0.5").value().end.code, 0);
  listen_for_output();
  ASSERT_TRUE(works_until([&] { return !lines.empty() && lines.back().type == "beat"; }));
  EXPECT_GT(lines.front().seq, 1U);
  EXPECT_EQ(lines.back().seq, 13U);
  EXPECT_LT(lines.size(), 13U);
}

TEST(KernelRecord, HasPriorityTimeAndText) {
  const nlohmann::json fields = kernel_record("14,339,5140900,-;NET: Registered family\n SUBSYSTEM=net\n");
  EXPECT_EQ(fields["priority"], 6);
  EXPECT_EQ(fields["time_us"], 5140900);
  EXPECT_EQ(fields["text"], "NET: Registered family");
}

TEST(KernelRecord, SurvivesARecordWithoutStructure) {
  EXPECT_EQ(kernel_record("nonsense")["text"], "");
  EXPECT_EQ(kernel_record("")["priority"], 0);
}

}  // namespace
}  // namespace snaphammer::guest
