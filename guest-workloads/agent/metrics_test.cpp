#include "guest-workloads/agent/metrics.h"

#include <gmock/gmock.h>

#include "guest-workloads/agent/process_starter.h"
#include "guest-workloads/agent/testing/agent_on_host.h"

namespace snaphammer::guest {
namespace {

class MetricsOfTheAgent : public AgentOnHost {
 protected:
  agent::Metrics metrics() { return run(client->metrics()).value(); }
};

TEST_F(MetricsOfTheAgent, CountTheAskingConnection) { EXPECT_EQ(metrics().connections, 1U); }

TEST_F(MetricsOfTheAgent, CountChildrenAndTheirDescriptors) {
  const agent::Metrics before = metrics();
  install_workload("idle", "echo '{\"type\":\"ready\"}'; read stop");
  agent::StartWorkload start;
  start.workload = start.as = "idle";
  ASSERT_TRUE(run(client->start_workload(start)));
  const agent::Metrics with = metrics();
  EXPECT_EQ(with.children, before.children + 1);
  EXPECT_EQ(with.descriptors, before.descriptors + 3) << "its three standard streams";
  ASSERT_TRUE(run(client->stop_workload("idle", 5s)));
  EXPECT_EQ(metrics().children, before.children);
}

TEST_F(MetricsOfTheAgent, KnowTheMachinesMemory) {
  const agent::Metrics now = metrics();
  EXPECT_GT(now.resident, 1_MiB);
  EXPECT_GT(now.memory_total, now.resident);
  EXPECT_GT(now.memory_available, 0U);
  EXPECT_LT(now.memory_available, now.memory_total);
  EXPECT_EQ(now.threads, 1 + ProcessStarter::threads());
}

TEST_F(MetricsOfTheAgent, StayTheSameWhileNothingHappens) {
  const agent::Metrics before = metrics();
  for (int i = 0; i < 100; ++i) metrics();
  EXPECT_EQ(metrics().descriptors, before.descriptors);
}

TEST(MemInfo, IsReadInBytes) {
  const MemoryInfo info = parse_meminfo(
                              "MemTotal:         222508 kB\nMemFree:           19164 kB\nMemAvailable:     150000 kB\n"
                              "HugePages_Total:       0\n")
                              .value();
  EXPECT_EQ(info.total, 222508_KiB);
  EXPECT_EQ(info.available, 150000_KiB);
}

TEST(MemInfo, ThatLacksANumberIsAnError) {
  for (const char* text :
       {"", "MemTotal: 1 kB\n", "MemTotal: x kB\nMemAvailable: 1 kB\n", "MemTotal: 1\nMemAvailable: 1 kB\n",
        "MemTotal: -1 kB\nMemAvailable: 1 kB\n", "MemTotal: 99999999999999999999999 kB\nMemAvailable: 1 kB\n"}) {
    EXPECT_FALSE(parse_meminfo(text)) << text;
  }
}

}  // namespace
}  // namespace snaphammer::guest
