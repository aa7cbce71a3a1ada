// Forwarders as they come and go: real socat processes, between names of this host.
#include "guest-workloads/agent/ports/port_service.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <malloc.h>

#include "guest-workloads/agent/testing/agent_on_host.h"
#include "lib/base/process_use.h"

namespace snaphammer::guest {
namespace {

using agent::PortInfo;
using agent::PortsReport;
using agent::PortState;
using testing::HasSubstr;

class Ports : public AgentOnHost {
 protected:
  PortsReport report() { return run(client->ports()).value(); }
  /// Nothing when the port is not looked after.
  std::optional<PortInfo> port(std::uint16_t number) {
    const PortsReport now = report();
    for (const PortInfo& info : now.ports) {
      if (info.port == number) return info;
    }
    return std::nullopt;
  }
  bool becomes(std::uint16_t number, PortState state) {
    return works_until([&] { return port(number) && port(number)->state == state; });
  }
  bool disappears(std::uint16_t number) {
    return works_until([&] { return !port(number); });
  }
  void use(agent::Forwarders forwarders) {
    agent::InitRequest init;
    init.generation = "g" + std::to_string(++generations);
    init.policy.forwarders = forwarders;
    ASSERT_TRUE(run(client->init(init)));
  }
  /// Whether nobody of a forwarder's processes, those of its connections included, runs any more. Orphans among them may
  /// stay zombies of this host's init.
  static bool group_is_gone(pid_t forwarder) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream file(entry.path() / "stat");
      std::string line;
      if (!std::getline(file, line)) continue;
      std::istringstream fields(line.substr(line.rfind(')') + 1));
      char state = 0;
      pid_t parent = 0;
      pid_t group = 0;
      if (fields >> state >> parent >> group && group == forwarder && state != 'Z') return false;
    }
    return true;
  }

  int generations = 0;
};

TEST_F(Ports, AreNotLookedAfterUnlessStarted) {
  ports.listen({80});
  EXPECT_FALSE(report().running);
  EXPECT_TRUE(report().ports.empty());
}

TEST_F(Ports, ThatAreThereAreForwardedByTheStart) {
  ports.listen({80, 8080});
  ASSERT_TRUE(run(client->start_ports()));
  EXPECT_TRUE(report().running);
  ASSERT_EQ(report().ports.size(), 2U);
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  ASSERT_TRUE(becomes(8080, PortState::kForwarded));
  EXPECT_TRUE(ports.connects(80));
  EXPECT_TRUE(ports.connects(8080));
  EXPECT_EQ(port(80)->respawns, 0U);
  EXPECT_EQ(::getpgid(port(80)->pid), port(80)->pid);
}

TEST_F(Ports, ComeAndGoWithTheirListeners) {
  ASSERT_TRUE(run(client->start_ports()));
  ports.listen({80});
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  const pid_t forwarder = port(80)->pid;
  ports.listen({});
  ASSERT_TRUE(disappears(80));
  EXPECT_TRUE(works_until([&] { return group_is_gone(forwarder); }));
  EXPECT_FALSE(ports.connects(80));
  ports.listen({80});
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  EXPECT_EQ(port(80)->respawns, 0U) << "it is a new one";
}

TEST_F(Ports, AreForwardedAgainWhenTheirForwarderWasKilled) {
  ports.listen({80});
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  for (std::uint64_t times = 1; times <= 3; ++times) {
    ::kill(port(80)->pid, SIGKILL);
    ASSERT_TRUE(works_until([&] { return port(80)->respawns == times; }));
    ASSERT_TRUE(becomes(80, PortState::kForwarded));
  }
  EXPECT_TRUE(ports.connects(80));
}

TEST_F(Ports, LoseTheConnectionsOfAForwarderThatWasKilled) {
  ports.listen({80});
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  const UniqueFd connection = ports.connect(80);
  ASSERT_TRUE(PortsOnHost::echoes(connection));
  const pid_t forwarder = port(80)->pid;
  ::kill(forwarder, SIGKILL);
  EXPECT_TRUE(works_until([&] { return group_is_gone(forwarder); }));
}

TEST_F(Ports, ThatCannotBeForwardedSayWhyAndAreTriedEverMoreSeldom) {
  const Process squatter =
      spawn({{"socat", "-d", "-d", "ABSTRACT-LISTEN:" + ports.name(80), "EXEC:cat"}, {}, "/"}).value();
  ASSERT_TRUE(works_until([&] {
    char byte = 0;
    return ::read(squatter.error.get(), &byte, 1) == 1;
  })) << "it listens";
  ports.listen({80});
  const TimePoint start = SteadyClock::now();
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(works_until([&] { return port(80)->respawns >= 6; }));
  // At once, then 20, 40, 80, 160 and 200 ms later.
  EXPECT_GE(SteadyClock::now() - start, 500ms);
  ASSERT_TRUE(becomes(80, PortState::kFailed));
  EXPECT_THAT(port(80)->error, HasSubstr("Address already in use"));
  ::kill(squatter.pid, SIGKILL);
  EXPECT_TRUE(becomes(80, PortState::kForwarded));
}

TEST_F(Ports, WhoseForwarderCannotBeStartedSayWhy) {
  ports.program = "nonesuch-forwarder";
  ports.listen({80});
  ASSERT_TRUE(run(client->start_ports()));
  EXPECT_EQ(port(80)->state, PortState::kFailed);
  EXPECT_THAT(port(80)->error, HasSubstr("start nonesuch-forwarder: No such file"));
  EXPECT_EQ(port(80)->pid, 0);
}

TEST_F(Ports, AreBoundedInNumber) {
  std::vector<std::uint16_t> many;
  for (std::uint16_t number = 1; number <= 100; ++number) many.push_back(number);
  ports.listen(many);
  ASSERT_TRUE(run(client->start_ports()));
  EXPECT_EQ(report().ports.size(), PortsOnHost::kMost);
  EXPECT_EQ(report().ports.back().port, PortsOnHost::kMost);
}

TEST_F(Ports, AreAllGoneWhenTheStopReturns) {
  ports.listen({80, 81, 82});
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(becomes(82, PortState::kForwarded));
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  const UniqueFd connection = ports.connect(80);
  ASSERT_TRUE(PortsOnHost::echoes(connection));
  const PortsReport before = report();
  ASSERT_TRUE(run(client->stop_ports()));
  char byte = 0;
  EXPECT_EQ(::recv(connection.get(), &byte, 1, MSG_DONTWAIT), 0) << "the connection has ended";
  EXPECT_FALSE(ports.connects(80));
  EXPECT_EQ(run(client->metrics()).value().children, 0U);
  for (const PortInfo& info : before.ports) EXPECT_TRUE(works_until([&] { return group_is_gone(info.pid); }));
  EXPECT_FALSE(report().running);
}

TEST_F(Ports, MayBeStartedAndStoppedTwice) {
  ports.listen({80});
  ASSERT_TRUE(run(client->stop_ports()));
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  const pid_t forwarder = port(80)->pid;
  ASSERT_TRUE(run(client->start_ports()));
  EXPECT_EQ(port(80)->pid, forwarder) << "it is the same one";
  ASSERT_TRUE(run(client->stop_ports()));
  ASSERT_TRUE(run(client->stop_ports()));
  EXPECT_FALSE(report().running);
}

TEST_F(Ports, ARestartThatMeetsAStopWaitsForItsEnd) {
  ports.listen({80, 81, 82, 83});
  ASSERT_TRUE(run(client->start_ports()));
  int answered = 0;
  const auto count = [&](const std::exception_ptr&, const Result<void>& result) { answered += result ? 1 : 0; };
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(becomes(83, PortState::kForwarded));
    answered = 0;
    asio::co_spawn(context, client->stop_ports(), count);
    asio::co_spawn(context, client->restart_ports(), count);
    asio::co_spawn(context, client->restart_ports(), count);
    ASSERT_TRUE(works_until([&] { return answered == 3; }));
  }
  for (const std::uint16_t number : {80, 81, 82, 83}) {
    ASSERT_TRUE(becomes(number, PortState::kForwarded));
    EXPECT_EQ(port(number)->respawns, 0U) << "none met an address that was in use";
  }
}

TEST_F(Ports, LeaveNothingBehindHoweverOftenTheyAreRestarted) {
  ports.listen({80, 81});
  const auto cycle = [&](int number) {
    if (number % 3 == 0) {
      ASSERT_TRUE(run(client->restart_ports()));
    } else {
      ASSERT_TRUE(run(client->start_ports()));
      const bool forwarded = number % 2 != 0 || becomes(80, PortState::kForwarded);
      ASSERT_TRUE(forwarded);
      ASSERT_TRUE(run(client->stop_ports()));
    }
  };
  for (int i = 0; i < 10; ++i) cycle(i);
  ASSERT_TRUE(run(client->stop_ports()));
  const ProcessUse before = process_use(::getpid()).value();
  const std::size_t allocated_before = ::mallinfo2().uordblks;
  for (int i = 0; i < 200; ++i) cycle(i);
  ASSERT_TRUE(run(client->stop_ports()));
  const std::size_t allocated_after = ::mallinfo2().uordblks;
  const ProcessUse after = process_use(::getpid()).value();
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(after.children, before.children);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_LT(allocated_after, allocated_before + 64_KiB);
}

TEST_F(Ports, AreStoppedForASnapshotAndStartedByItsUndo) {
  ports.listen({80});
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  const pid_t before = port(80)->pid;
  ASSERT_TRUE(run(client->prepare({})));
  EXPECT_FALSE(report().running);
  EXPECT_FALSE(ports.connects(80));
  EXPECT_TRUE(works_until([&] { return group_is_gone(before); }));
  ASSERT_TRUE(run(client->undo_prepare()));
  EXPECT_TRUE(port(80)) << "it was looked for before the answer";
  EXPECT_TRUE(becomes(80, PortState::kForwarded));
}

TEST_F(Ports, AreStartedByTheFirstInitOfANewGeneration) {
  ports.listen({80});
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(run(client->prepare({})));
  use(agent::Forwarders::kSupervised);
  EXPECT_TRUE(port(80));
}

TEST_F(Ports, ThatWereStoppedBeforeASnapshotStaySo) {
  ports.listen({80});
  ASSERT_TRUE(run(client->prepare({})));
  ASSERT_TRUE(run(client->undo_prepare()));
  EXPECT_FALSE(report().running);
}

TEST_F(Ports, AreKeptThroughASnapshotByRequest) {
  ports.listen({80});
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  const pid_t before = port(80)->pid;
  ASSERT_TRUE(run(client->prepare({.ports = agent::QuiescePorts::kKeep})));
  EXPECT_TRUE(ports.connects(80));
  ASSERT_TRUE(run(client->undo_prepare()));
  EXPECT_EQ(port(80)->pid, before);
}

TEST_F(Ports, WhoseForwardersAreAbandonedMeetTheirFormerOnes) {
  use(agent::Forwarders::kAbandoned);
  ports.listen({80});
  ASSERT_TRUE(run(client->start_ports()));
  ASSERT_TRUE(becomes(80, PortState::kForwarded));
  const pid_t former = port(80)->pid;
  ASSERT_TRUE(run(client->restart_ports()));
  ASSERT_TRUE(becomes(80, PortState::kFailed));
  EXPECT_THAT(port(80)->error, HasSubstr("Address already in use"));
  EXPECT_TRUE(ports.connects(80)) << "the former one still serves";
  ::kill(former, SIGKILL);
  ASSERT_TRUE(works_until([&] { return group_is_gone(former); }));
  ASSERT_EQ(shell("sleep 0.3").value().end.code, 0);
  EXPECT_EQ(port(80)->state, PortState::kFailed) << "nobody starts it again";
  EXPECT_FALSE(ports.connects(80));
}

TEST_F(Ports, WhoseForwardersAreAbandonedLeaveThemBehind) {
  use(agent::Forwarders::kAbandoned);
  const std::uint64_t before = run(client->metrics()).value().children;
  for (std::uint16_t number = 1; number <= 5; ++number) {
    ports.listen({number});
    ASSERT_TRUE(run(client->start_ports()));
    ASSERT_TRUE(becomes(number, PortState::kForwarded));
    ASSERT_TRUE(run(client->stop_ports()));
  }
  EXPECT_EQ(run(client->metrics()).value().children, before + 5);
}

}  // namespace
}  // namespace snaphammer::guest
