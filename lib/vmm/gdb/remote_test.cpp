#include "lib/vmm/gdb/remote.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "lib/base/testing/run_async.h"

namespace snaphammer::vmm {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// A stub that knows its lines: what it is asked, and the bytes that it then says.
class GdbRemoteTest : public testing::Test {
 protected:
  GdbRemoteTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    stub_ = UniqueFd(ends[0]);
    remote_.emplace(context_.get_executor(), UniqueFd(ends[1]));
  }

  void say(const std::string& bytes) {
    ASSERT_EQ(::send(stub_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // The answers to the requests to come, in order.
  void will_answer(std::initializer_list<std::string> answers) {
    for (const std::string& answer : answers) say("+" + gdb_packet(answer));
  }
  // An answer to `g`: all zeros but for the last digit of rip.
  static std::string registers_at(char rip) {
    return std::string(std::size_t{16} * 16, '0') + "0" + rip + std::string(14, '0') + "46020000";
  }
  // All that the client has sent, acknowledgements left out.
  std::string heard() {
    std::string bytes(4096, '\0');
    const ssize_t length = ::recv(stub_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    std::erase(bytes, '+');
    return bytes;
  }
  template <class T>
  Result<T> run(Async<T> operation) {
    return run_async(context_, with_deadline(10s, "request", std::move(operation)));
  }
  template <class T>
  std::string error_of(Async<T> operation) {
    const Result<T> result = run(std::move(operation));
    return result ? "none" : result.error().message();
  }

  asio::io_context context_;
  UniqueFd stub_;
  std::optional<GdbRemote> remote_;
};

TEST_F(GdbRemoteTest, SetsAndClearsHardwareBreakpoints) {
  will_answer({"OK", "OK"});
  EXPECT_TRUE(run(remote_->set_breakpoint(0xffffffff812e88a0)));
  EXPECT_EQ(heard(), gdb_packet("Z1,ffffffff812e88a0,1"));
  EXPECT_TRUE(run(remote_->clear_breakpoint(0x10)));
  EXPECT_EQ(heard(), gdb_packet("z1,10,1"));
}

TEST_F(GdbRemoteTest, ResumesUntilAVcpuIsAtABreakpoint) {
  will_answer({"T05thread:02;"});
  EXPECT_EQ(run(remote_->resume()).value(), 2u);
  EXPECT_EQ(heard(), gdb_packet("vCont;c"));
}

TEST_F(GdbRemoteTest, StepsOneVcpuAlone) {
  will_answer({"OK", registers_at('0'), "T05thread:01;", "OK", registers_at('7')});
  EXPECT_TRUE(run(remote_->step(1)));
  EXPECT_EQ(heard(),
            gdb_packet("Hg1") + gdb_packet("g") + gdb_packet("vCont;s:1") + gdb_packet("Hg1") + gdb_packet("g"));
  will_answer({registers_at('7'), "T05thread:02;"});
  EXPECT_THAT(error_of(remote_->step(1)), HasSubstr("vCPU 1 was to make a step, and 2 has stopped"));
}

TEST_F(GdbRemoteTest, AStepThatExecutesNothingIsMadeAgain) {
  const std::string stop = "T05thread:01;";
  will_answer({"OK", registers_at('0'), stop, "OK", registers_at('0'), stop, "OK", registers_at('7')});
  EXPECT_TRUE(run(remote_->step(1)));
  EXPECT_THAT(heard(), HasSubstr(gdb_packet("g") + gdb_packet("vCont;s:1")));
  // An instruction that jumps to itself never gets further, and is one step all the same.
  will_answer({registers_at('7')});
  constexpr int kAttempts = 8;
  for (int i = 0; i < kAttempts; ++i) will_answer({stop, "OK", registers_at('7')});
  EXPECT_TRUE(run(remote_->step(1)));
}

TEST_F(GdbRemoteTest, ListsVcpusOverSeveralAnswers) {
  will_answer({"m01,02", "m0a", "l"});
  EXPECT_THAT(run(remote_->threads()).value(), ElementsAre(1u, 2u, 10u));
}

TEST_F(GdbRemoteTest, ReadsRegistersInTheGuestsByteOrder) {
  std::string answer;
  for (int i = 0; i < 16; ++i) answer += "0" + std::string(1, "0123456789abcdef"[i]) + "00000000000080";
  answer +=
      "a0882e81ffffffff"
      "46020000"
      "33000000";
  will_answer({"OK", answer});
  const GdbRegisters registers = run(remote_->registers(2)).value();
  EXPECT_EQ(registers.rip, 0xffffffff812e88a0);
  EXPECT_EQ(registers.eflags, 0x246u);
  EXPECT_EQ(registers.general[3], 0x8000000000000003);
  EXPECT_EQ(registers.rsp(), 0x8000000000000007);
  EXPECT_EQ(heard(), gdb_packet("Hg2") + gdb_packet("g"));
}

TEST_F(GdbRemoteTest, ReadsMemoryOfTheVcpuThatIsNamed) {
  will_answer({"OK", "0f1f44"});
  EXPECT_EQ(run(remote_->memory(1, 0x1000, 3)).value(), "\x0f\x1f\x44");
  EXPECT_EQ(heard(), gdb_packet("Hg1") + gdb_packet("m1000,3"));
}

TEST_F(GdbRemoteTest, SaysThatMemoryIsNotMapped) {
  will_answer({"OK", "E14"});
  const auto read = run(remote_->memory(1, 0x1000, 3));
  EXPECT_EQ(read.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(read.error().message(), "GDB stub: 'm1000,3' refused with E14");
}

TEST_F(GdbRemoteTest, SendsAgainWhatArrivedDamaged) {
  say("-");
  will_answer({"OK"});
  EXPECT_TRUE(run(remote_->set_breakpoint(1)));
  EXPECT_EQ(heard(), gdb_packet("Z1,1,1") + gdb_packet("Z1,1,1"));
}

TEST_F(GdbRemoteTest, AsksAgainForADamagedAnswer) {
  say("+$OK#00");
  say(gdb_packet("OK"));
  EXPECT_TRUE(run(remote_->set_breakpoint(1)));
  EXPECT_EQ(heard(), gdb_packet("Z1,1,1") + "-");
}

TEST_F(GdbRemoteTest, GivesUpOnAConnectionThatDamagesEverything) {
  for (int i = 0; i < 10; ++i) say("+$OK#00");
  EXPECT_THAT(error_of(remote_->set_breakpoint(1)), HasSubstr("damaged"));
}

TEST_F(GdbRemoteTest, SaysWhatItCannotMakeSenseOf) {
  will_answer({"W00"});
  EXPECT_EQ(error_of(remote_->resume()), "GDB protocol: 'vCont;c' answered with 'W00'");
  will_answer({"OK", "00"});
  EXPECT_EQ(error_of(remote_->registers(1)), "GDB protocol: 'g' answered with '00'");
  say("HTTP/1.1 400\r\n");
  EXPECT_THAT(error_of(remote_->resume()), HasSubstr("where a packet begins"));
}

TEST_F(GdbRemoteTest, HearsFirstThatAttachingHasStoppedTheMachine) {
  say(gdb_packet("T02thread:01;"));
  will_answer({"OK", "OK"});
  EXPECT_TRUE(run(remote_->mask_interrupts_in_steps()));
  EXPECT_TRUE(run(remote_->set_breakpoint(1)));
}

TEST_F(GdbRemoteTest, SelectsAVcpuOnceForEachStop) {
  will_answer({"OK", "01", "02", "T05thread:01;", "OK", "03"});
  EXPECT_TRUE(run(remote_->memory(1, 0, 1)));
  EXPECT_TRUE(run(remote_->memory(1, 1, 1)));
  EXPECT_TRUE(run(remote_->resume()));
  EXPECT_TRUE(run(remote_->memory(1, 2, 1)));
  EXPECT_EQ(heard(), gdb_packet("Hg1") + gdb_packet("m0,1") + gdb_packet("m1,1") + gdb_packet("vCont;c") +
                         gdb_packet("Hg1") + gdb_packet("m2,1"));
}

TEST_F(GdbRemoteTest, SaysThatTheStubLacksARequest) {
  will_answer({""});
  const auto set = run(remote_->mask_interrupts_in_steps());
  EXPECT_EQ(set.error().kind(), ErrorKind::kUnfit);
  EXPECT_THAT(set.error().message(), HasSubstr("Qqemu.sstep=7"));
}

TEST_F(GdbRemoteTest, FailsWhenTheStubIsGone) {
  stub_.reset();
  const auto stopped = run(remote_->resume());
  EXPECT_EQ(stopped.error().kind(), ErrorKind::kGone);
}

TEST_F(GdbRemoteTest, CanDetachInTheMiddleOfARequest) {
  EXPECT_EQ(run_async(context_, with_deadline(10ms, "resume", remote_->resume())).error().kind(), ErrorKind::kTimeout);
  remote_->detach_and_go_on();
  EXPECT_EQ(heard(), gdb_packet("vCont;c") + "\x03" + gdb_packet("D"));
}

}  // namespace
}  // namespace snaphammer::vmm
