#include "harness/oracles/kernel_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snaphammer::oracles {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(KernelLog, AHealthyBootHasNoFault) {
  EXPECT_THAT(find_kernel_faults("[    0.000000] Linux version 6.1.0-56-cloud-amd64\r\n"
                                 "[    0.004000] Debugging features: none\r\n"
                                 "[    1.000000] virtio_balloon virtio2: free page reporting\r\n"),
              IsEmpty());
}

TEST(KernelLog, NamesEachKindOfFault) {
  const std::vector<std::pair<std::string, std::string>> samples = {
      {"[1.0] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [sh:77]", "soft lockup"},
      {"[1.0] INFO: task sh:77 blocked for more than 120 seconds.", "hung task"},
      {"[1.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "RCU stall"},
      {"[1.0] BUG: Bad page state in process zero-pages  pfn:12345", "bad page state"},
      {"[1.0] kernel BUG at mm/slub.c:381!", "kernel BUG"},
      {"[1.0] BUG: unable to handle page fault for address: ffff", "kernel page fault"},
      {"[1.0] general protection fault, probably for non-canonical address", "general protection fault"},
      {"[1.0] list_del corruption. prev->next should be ffff", "list corruption"},
      {"[1.0] Kernel panic - not syncing: Attempted to kill init!", "kernel panic"},
      {"[1.0] Out of memory: Killed process 77 (zero-pages)", "out of memory"},
  };
  for (const auto& [line, kind] : samples) {
    const auto faults = find_kernel_faults("[0.9] all is well\n" + line + "\n");
    ASSERT_EQ(faults.size(), 1u) << line;
    EXPECT_EQ(faults[0].kind, kind);
    EXPECT_EQ(faults[0].line, line);
  }
}

TEST(KernelLog, AnOopsIsOneFaultWithItsStack) {
  std::string log = "[1.0] BUG: unable to handle page fault for address: ffff\r\n[1.0] Oops: 0002 [#1] SMP\r\n";
  for (int i = 0; i < 50; ++i) log += "[1.0]  frame" + std::to_string(i) + "\r\n";
  log += "[1.1] Kernel panic - not syncing: Fatal exception\r\n";
  const auto faults = find_kernel_faults(log);
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].kind, "kernel page fault");
  EXPECT_THAT(faults[0].excerpt, HasSubstr("Oops: 0002 [#1] SMP\n[1.0]  frame0\n"));
  EXPECT_EQ(faults[1].kind, "kernel panic");
}

TEST(KernelLog, ALineCutOffByTheEndIsReadToo) {
  EXPECT_EQ(find_kernel_faults("[1.0] Kernel panic - not sy").size(), 0u);
  EXPECT_EQ(find_kernel_faults("[1.0] Kernel panic - not syncing").size(), 1u);
}

}  // namespace
}  // namespace snaphammer::oracles
