#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-workloads/workloads/base/arguments.h"
#include "guest-workloads/workloads/base/commands.h"
#include "guest-workloads/workloads/base/json_line.h"
#include "guest-workloads/workloads/base/keyed_words.h"
#include "guest-workloads/workloads/base/memory_map.h"
#include "guest-workloads/workloads/base/pace.h"
#include "guest-workloads/workloads/base/pinned_pages.h"
#include "guest-workloads/workloads/base/safe_point.h"
#include "guest-workloads/workloads/base/supervisor.h"

namespace snaphammer::workload {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class Declared : public testing::Test {
 protected:
  Declared() {
    arguments.size("memory", memory, "what is kept", {.low = 4096, .high = 1 << 30, .multiple_of = 4096});
    arguments.time("hold", hold, "how long");
    arguments.number("threads", threads, "how many", {.low = 1, .high = 8});
    arguments.text("where", where, "a directory");
  }
  std::size_t memory = 64 << 20;
  std::chrono::milliseconds hold{4000};
  std::uint64_t threads = 2;
  std::string where = "/tmp";
  Arguments arguments{"example", "Does something.\n"};
};

TEST_F(Declared, ValuesAreSet) {
  EXPECT_EQ(arguments.parse({"--memory", "8KiB", "--hold", "2m", "--threads", "8", "--where", "/run"}), "");
  EXPECT_EQ(memory, 8192U);
  EXPECT_EQ(hold, 2min);
  EXPECT_EQ(threads, 8U);
  EXPECT_EQ(where, "/run");
}

TEST_F(Declared, TimesAreReadAsScenariosPrintThem) {
  EXPECT_EQ(arguments.parse({"--hold", "1h"}), "");
  EXPECT_EQ(hold, 60min);
  EXPECT_EQ(arguments.parse({"--hold", "1500ms"}), "");
  EXPECT_EQ(hold, 1500ms);
  EXPECT_EQ(arguments.parse({"--hold", "20"}), "");
  EXPECT_EQ(hold, 20ms);
}

TEST_F(Declared, AScenariosTimesAreTakenInWholeMilliseconds) {
  for (const auto& [text, expected] :
       {std::pair("0ns", 0ms), {"1ns", 1ms}, {"250us", 1ms}, {"1500us", 2ms}, {"2000us", 2ms}}) {
    EXPECT_EQ(arguments.parse({"--hold", text}), "");
    EXPECT_EQ(hold, expected) << text;
  }
}

TEST(Arguments, ANumberMayBeAnySeed) {
  std::uint64_t seed = 0;
  Arguments arguments("example", "");
  arguments.number("seed", seed, "of all that is random");
  EXPECT_EQ(arguments.parse({"--seed", "18446744073709551615"}), "");
  EXPECT_EQ(seed, 18446744073709551615U);
}

TEST_F(Declared, WhatIsNotGivenKeepsItsDefault) {
  EXPECT_EQ(arguments.parse({}), "");
  EXPECT_EQ(memory, 64U << 20);
}

TEST_F(Declared, WhatIsWrongIsSaidWithWhatWasExpected) {
  EXPECT_EQ(arguments.parse({"--memory", "5000"}), "--memory 5000: expected a size from 4KiB to 1GiB in steps of 4KiB");
  EXPECT_THAT(arguments.parse({"--memory", "5KiB"}), HasSubstr("in steps of 4KiB"));
  EXPECT_THAT(arguments.parse({"--memory", "2GiB"}), HasSubstr("to 1GiB"));
  EXPECT_THAT(arguments.parse({"--memory", "99999999999999GiB"}), HasSubstr("expected a size"));
  EXPECT_EQ(arguments.parse({"--threads", "0"}), "--threads 0: expected a number from 1 to 8");
  EXPECT_THAT(arguments.parse({"--threads", "2x"}), HasSubstr("expected a number"));
  EXPECT_THAT(arguments.parse({"--hold", "1d"}), HasSubstr("expected a time"));
  EXPECT_EQ(arguments.parse({"--hold"}), "--hold: a value is missing");
  EXPECT_EQ(arguments.parse({"--colour", "red"}), "--colour: no such option");
}

TEST_F(Declared, TheHelpNamesEachWithItsDefault) {
  const std::string usage = arguments.usage();
  EXPECT_THAT(usage, HasSubstr("usage: example"));
  EXPECT_THAT(usage, HasSubstr("--memory SIZE       what is kept (64MiB)"));
  EXPECT_THAT(usage, HasSubstr("--hold TIME         how long (4s)"));
  EXPECT_THAT(usage, HasSubstr("(/tmp)"));
}

TEST(JsonLine, ReadsBackAsItWasSaid) {
  const std::string line = finding_line("lost-write", "a \"quoted\\\" text\nof two lines",
                                        JsonObject().add("read", hex(std::array<std::uint8_t, 2>{0xab, 0x01})));
  EXPECT_TRUE(line.starts_with(R"({"type":"finding",)")) << "the agent looks for this";
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["message"], "a \"quoted\\\" text\nof two lines");
  EXPECT_EQ(json["evidence"]["read"], "ab01");
  const auto verdict = nlohmann::json::parse(verdict_line(true, JsonObject().add("rounds", 3U).add("skew", -2)));
  EXPECT_EQ(verdict["pass"], true);
  EXPECT_EQ(verdict["rounds"], 3);
  EXPECT_EQ(verdict["skew"], -2);
  EXPECT_EQ(nlohmann::json::parse(verdict_line(false, JsonObject()))["pass"], false);
  EXPECT_EQ(hex(std::uint64_t{0x7f00}), "0x7f00");
}

class Commanded : public testing::Test {
 protected:
  Commanded() {
    EXPECT_EQ(::pipe(in), 0);
    EXPECT_EQ(::pipe(out), 0);
    output.emplace(out[1]);
  }
  ~Commanded() override {
    for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
  }
  void send(const std::string& text) {
    EXPECT_EQ(::write(in[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string said() {
    char bytes[4096];
    const ssize_t n = ::read(out[0], bytes, sizeof bytes);
    return {bytes, static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  }
  int in[2], out[2];
  std::optional<Output> output;
};

TEST_F(Commanded, ChecksWaitUntilTheyAreAnswered) {
  Commands commands(in[0], *output);
  send("check\ncheck\n");
  EXPECT_TRUE(commands.serve_until_check(Commands::Clock::now() + 30s));
  EXPECT_EQ(commands.checks_waiting(), 2U);
  commands.check_answered();
  EXPECT_EQ(commands.checks_waiting(), 1U);
}

TEST_F(Commanded, QuiescedItStaysUntilResumed) {
  std::vector<std::string> actions;
  Commands commands(
      in[0], *output,
      {.quiesce = [&] { actions.emplace_back("quiesce"); }, .resume = [&] { actions.emplace_back("resume"); }});
  send("quiesce\nqui");
  std::thread later([this] {
    EXPECT_EQ(said(), "{\"type\":\"quiesced\"}\n");
    send("esce\nresume\n");
  });
  EXPECT_TRUE(commands.serve());
  later.join();
  EXPECT_EQ(said(), "{\"type\":\"quiesced\"}\n{\"type\":\"resumed\"}\n");
  EXPECT_THAT(actions, ElementsAre("quiesce", "quiesce", "resume"));
}

TEST_F(Commanded, WhatAWorkloadDoesNotKnowIsRefused) {
  std::vector<std::string> others;
  Commands commands(in[0], *output, {.other = [&](const std::string& command) {
                      others.push_back(command);
                      return command == "fly 3";
                    }});
  send("fly 3\nswim\n");
  EXPECT_TRUE(commands.serve());
  EXPECT_THAT(others, ElementsAre("fly 3", "swim"));
  const auto refused = nlohmann::json::parse(said());
  EXPECT_EQ(refused["type"], "refused");
  EXPECT_EQ(refused["command"], "swim");
}

TEST_F(Commanded, ACheckIsServedWhileQuiesced) {
  Commands commands(in[0], *output);
  send("quiesce\ncheck\n");
  EXPECT_TRUE(commands.serve());
  EXPECT_TRUE(commands.quiesced());
  EXPECT_EQ(commands.checks_waiting(), 1U);
}

TEST_F(Commanded, StopAndTheEndOfTheInputEndIt) {
  Commands stopped(in[0], *output);
  send("stop\n");
  EXPECT_FALSE(stopped.serve_until(Commands::Clock::now() + 30s));
  Commands ended(in[0], *output);
  ::close(in[1]);
  EXPECT_FALSE(ended.serve_until(Commands::Clock::now() + 30s));
  in[1] = ::dup(in[0]);
}

TEST(Pace, RestsInProportionToTheCpuTimeUsed) {
  Pace pace(25);
  pace.rest();
  timespec start{}, now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  do {
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000 < 20);
  const auto rest = pace.rest();
  EXPECT_GE(rest, 19ms * 3);
  EXPECT_LE(rest, 200ms * 3);
}

TEST(Memory, ThatIsGivenBackComesAsZerosAgain) {
  const AnonymousMemory memory(1 << 20);
  ASSERT_TRUE(memory);
  memory.words()[5000] = 7;
  give_back(memory.data(), memory.bytes());
  EXPECT_EQ(memory.words()[5000], 0U);
}

TEST(PinnedPages, KeepTheirBytesAndAreLetGo) {
  const AnonymousMemory memory(64 * kPageBytes);
  ASSERT_TRUE(memory);
  memory.words()[0] = 1;
  PinnedPages pinned;
  for (std::size_t page = 0; page < 64; ++page) {
    memory.data()[page * kPageBytes] = static_cast<std::uint8_t>(page + 1);
    ASSERT_TRUE(pinned.pin(memory.data() + page * kPageBytes)) << std::strerror(errno);
  }
  memory.data()[5 * kPageBytes + 1] = 9;
  EXPECT_EQ(memory.data()[5 * kPageBytes], 6) << "they are written as before";
  pinned.release();
  ASSERT_TRUE(pinned.pin(memory.data()));
}

TEST(PinnedPages, OnesThatAreNotThereAreAnError) {
  PinnedPages pinned;
  EXPECT_FALSE(pinned.pin(nullptr));
}

TEST(SafePoint, HoldsAllThreadsAndLetsThemGo) {
  SafePoint safe_point(3);
  std::atomic<std::uint64_t> steps = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (safe_point.pass(10us)) ++steps;
    });
  }
  for (int round = 0; round < 100; ++round) {
    safe_point.close();
    const std::uint64_t held = steps;
    ::usleep(500);  // Many rests of the threads.
    EXPECT_EQ(steps, held);
    safe_point.open();
    while (steps == held) std::this_thread::yield();
  }
  safe_point.close();
  safe_point.end();
  for (std::thread& thread : threads) thread.join();
}

TEST(SafePoint, ARestEndsWhenItIsClosed) {
  SafePoint safe_point(1);
  std::thread thread([&] {
    while (safe_point.pass(1h)) {
    }
  });
  safe_point.close();
  safe_point.end();
  thread.join();
}

// A process of its own, as supervise() forks and the streams are the process's.
class Supervised : public Commanded {
 protected:
  void supervise_work(const std::function<int(std::atomic<unsigned>&)>& work) {
    pid = ::fork();
    if (pid != 0) return;
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::_exit(supervise("heap-corruption", work));
  }
  int wait_status() {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
  }
  pid_t pid = -1;
};

TEST_F(Supervised, TheWorksExitStatusIsThePrograms) {
  supervise_work([](std::atomic<unsigned>&) { return 7; });
  EXPECT_EQ(WEXITSTATUS(wait_status()), 7);
}

TEST_F(Supervised, ADeathByItsOwnFaultIsAFindingAndChecksFailFromThenOn) {
  supervise_work([](std::atomic<unsigned>& checks_waiting) {
    ++checks_waiting;  // It dies while it is being checked.
    ::signal(SIGABRT, SIG_DFL);
    std::fputs("malloc(): corrupted top size\n", stderr);
    std::abort();
    return 0;
  });
  std::string text;
  while (text.find("verdict") == std::string::npos) text += said();
  const auto finding = nlohmann::json::parse(text.substr(0, text.find("\n{\"type\":\"verdict")));
  EXPECT_EQ(finding["id"], "heap-corruption");
  EXPECT_EQ(finding["evidence"]["signal"], SIGABRT);
  EXPECT_THAT(finding["evidence"]["last_words"].get<std::string>(), HasSubstr("corrupted top size"));
  for (int i = 0; i < 2; ++i) {
    send("check\n");
    EXPECT_EQ(nlohmann::json::parse(said())["pass"], false);
  }
  send("stop\n");
  EXPECT_EQ(WEXITSTATUS(wait_status()), 1);
}

TEST_F(Supervised, AKillFromOutsideIsNoFinding) {
  supervise_work([](std::atomic<unsigned>&) { return ::raise(SIGKILL); });
  const int status = wait_status();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

}  // namespace
}  // namespace snaphammer::workload
