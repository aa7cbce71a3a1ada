#include "harness/engine/hang_sight.h"

#include <gmock/gmock.h>

namespace snaphammer::engine {
namespace {

using namespace std::chrono_literals;

HangSight silent_guest() {
  return {.guest = HangSight::Guest::kRuns,
          .vcpus = {{.vcpu = 0, .halted = true, .place = "default_idle+0xb"},
                    {.vcpu = 1, .halted = false, .place = "0x4017d2"}},
          .agent_asked = 2s};
}

TEST(HangSight, AGuestThatRunsIsAtItsVcpusPlaces) {
  EXPECT_EQ(where_it_hung(silent_guest()),
            "vCPU 0 is halted at default_idle+0xb, vCPU 1 is at 0x4017d2; the agent did not answer within 2s");
}

TEST(HangSight, AnAgentThatAnswersIsNoDeadGuest) {
  HangSight sight = silent_guest();
  sight.agent_error = "connection reset";
  EXPECT_THAT(where_it_hung(sight), testing::EndsWith("; the agent could not be asked: connection reset"));
  sight.agent_answered = 120ms;
  EXPECT_EQ(where_it_hung(sight),
            "vCPU 0 is halted at default_idle+0xb, vCPU 1 is at 0x4017d2; the agent answered after 0.1 s");
}

TEST(HangSight, AVmmWithoutAnswerHasNoPlaces) {
  HangSight sight = silent_guest();
  sight.vcpus.clear();
  EXPECT_EQ(where_it_hung(sight), "the VMM's monitor did not answer; the agent did not answer within 2s");
}

TEST(HangSight, AnUnresolvedFaultIsNamedWithItsAgeBeforeAnythingElse) {
  HangSight sight = silent_guest();
  sight.waiting_threads = {"CPU 1/TCG"};
  sight.waiting_faults = uffd::WaitingFaults{.unread = 0, .all = 2};
  sight.unresolved = {{.address = 0x7f0000001000, .age = 1s},
                      {.address = 0x7f0000002000, .age = 12100ms, .error = Error(ErrorKind::kIo, "read: EIO")}};
  EXPECT_EQ(
      where_it_hung(sight),
      "vCPU 1 waits for a page: the page server read the fault at 0x7f0000002000 of the VMM 12.1 s ago and has not "
      "resolved it (read: EIO)");
}

TEST(HangSight, FaultsThatNobodyReadsAreCountedWithTheServersLastEvent) {
  HangSight sight = silent_guest();
  sight.waiting_threads = {"CPU 0/TCG", "qemu-system-x86"};
  sight.waiting_faults = uffd::WaitingFaults{.unread = 2, .all = 2};
  sight.last_events = {{.at = {}, .kind = uffd::TraceKind::kFault, .extent = {0x1000, 0x1000}},
                       {.at = {}, .kind = uffd::TraceKind::kRemove, .extent = {0x200000, 0x200000}}};
  EXPECT_EQ(
      where_it_hung(sight),
      "vCPU 0 and the VMM's thread 'qemu-system-x86' wait for a page; 2 faults wait for the page-fault handler to "
      "read them; the page server's last event is remove of 2097152 bytes at 0x200000");
}

// As M2 hangs: the thread holds QEMU's lock, so that its monitor does not answer either.
TEST(HangSight, ADiscardThatNobodyTakesNoteOfIsTheCauseOfTheRest) {
  HangSight sight = silent_guest();
  sight.vcpus.clear();
  sight.discarding_threads = {"qemu-system-x86"};
  sight.last_events = {{.at = {}, .kind = uffd::TraceKind::kRemove, .extent = {0x200000, 0x1000}}};
  const std::string discard =
      "the VMM's thread 'qemu-system-x86' waits for the page-fault handler to take note of memory that is discarded "
      "(REMOVE)";
  const std::string last = "; the page server's last event is remove of 4096 bytes at 0x200000";
  EXPECT_EQ(where_it_hung(sight), discard + last);
  sight.waiting_threads = {"CPU 1/TCG"};
  EXPECT_EQ(where_it_hung(sight), discard + "; vCPU 1 waits for a page" + last);
}

// Where the kernel does not say which threads wait (proc(5), wchan), its count does.
TEST(HangSight, AFaultOfAnUnknownThreadIsOneOfTheVmm) {
  HangSight sight = silent_guest();
  sight.waiting_faults = uffd::WaitingFaults{.unread = 1, .all = 1};
  EXPECT_EQ(where_it_hung(sight),
            "a thread of the VMM waits for a page; 1 fault waits for the page-fault handler to read it");
}

TEST(HangSight, AVmmThatIsStoppedExplainsAllTheRest) {
  HangSight sight = silent_guest();
  sight.guest = HangSight::Guest::kVmmStopped;
  sight.waiting_faults = uffd::WaitingFaults{.unread = 1, .all = 1};
  EXPECT_EQ(where_it_hung(sight), "the VMM stands still, stopped by a signal");
}

TEST(HangSight, VcpusThatWereStoppedAreSaidToBe) {
  HangSight sight = silent_guest();
  sight.guest = HangSight::Guest::kPaused;
  EXPECT_EQ(where_it_hung(sight), "the vCPUs are stopped; vCPU 0 is halted at default_idle+0xb, vCPU 1 is at 0x4017d2");
}

TEST(HangSight, NothingIsSaidOfAGuestThatHadEnded) {
  EXPECT_EQ(where_it_hung({}), "the guest had ended before it could be looked at");
}

}  // namespace
}  // namespace snaphammer::engine
