#include "lib/vmm/qemu/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snaphammer::vmm {
namespace {

using testing::Contains;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

// What follows `option`, for each time it is there.
std::vector<std::string> values_of(const std::string& option, const std::vector<std::string>& arguments) {
  std::vector<std::string> values;
  for (auto at = arguments.begin(); at != arguments.end(); ++at) {
    if (*at == option) values.push_back(*(at + 1));
  }
  return values;
}

TEST(MachineArguments, DescribeTheMachineAsConfigured) {
  VmConfig config;
  config.memory = 512_MiB;
  config.vcpus = 3;
  const auto arguments = machine_arguments(config, Accel::kTcg);
  EXPECT_THAT(values_of("-m", arguments), Contains("536870912B"));
  EXPECT_THAT(values_of("-smp", arguments), Contains("3"));
  EXPECT_THAT(values_of("-object", arguments),
              Contains("memory-backend-file,id=ram,size=536870912B,mem-path=/proc/self/fd/4,share=on"));
  EXPECT_THAT(values_of("-device", arguments), Contains("vhost-vsock-pci,id=vsock,guest-cid=3,vhostfd=6"));
}

TEST(MachineArguments, KeepOutWhatNobodyAskedFor) {
  EXPECT_THAT(machine_arguments({}, Accel::kTcg), IsSupersetOf({"-nodefaults", "-no-user-config"}));
  EXPECT_THAT(machine_arguments({}, Accel::kTcg), IsSupersetOf({"-name", "debug-threads=on"}));
}

TEST(MachineArguments, UseTheProcessorThatFitsTheAccelerator) {
  EXPECT_THAT(values_of("-cpu", machine_arguments({}, Accel::kTcg)), Contains("max"));
  EXPECT_THAT(values_of("-accel", machine_arguments({}, Accel::kTcg)), Contains("tcg,thread=multi"));
  EXPECT_THAT(values_of("-cpu", machine_arguments({}, Accel::kKvm)), Contains("host"));
  EXPECT_THAT(values_of("-accel", machine_arguments({}, Accel::kKvm)), Contains("kvm"));
}

TEST(MachineArguments, CarryTheBalloonsSettings) {
  VmConfig config;
  EXPECT_THAT(values_of("-device", machine_arguments(config, Accel::kTcg)),
              Contains("virtio-balloon-pci,id=balloon,free-page-reporting=off,deflate-on-oom=off"));
  config.balloon = {.free_page_reporting = true, .deflate_on_oom = true};
  EXPECT_THAT(values_of("-device", machine_arguments(config, Accel::kTcg)),
              Contains("virtio-balloon-pci,id=balloon,free-page-reporting=on,deflate-on-oom=on"));
}

TEST(MachineArguments, DoNotDependOnKernelAndItsArguments) {
  VmConfig other;
  other.kernel = "/other/vmlinuz";
  other.kernel_args = {"init_on_free=1"};
  EXPECT_EQ(machine_arguments({}, Accel::kTcg), machine_arguments(other, Accel::kTcg));
}

TEST(BootArguments, NameTheImage) {
  VmConfig config;
  config.kernel = "/a b/vmlinuz";
  config.initramfs = "/a,b/initramfs";
  EXPECT_THAT(values_of("-kernel", boot_arguments(config)), Contains("/a b/vmlinuz"));
  EXPECT_THAT(values_of("-initrd", boot_arguments(config)), Contains("/a,b/initramfs"));
}

TEST(KernelCommandLine, PutsTheScenariosArgumentsLastSoThatTheyWin) {
  EXPECT_THAT(kernel_command_line({"init_on_free=1", "loglevel=7"}), EndsWith(" init_on_free=1 loglevel=7"));
  EXPECT_THAT(kernel_command_line({}), HasSubstr("console=ttyS0 "));
  EXPECT_THAT(kernel_command_line({}), Not(EndsWith(" ")));
}

TEST(HostArguments, EscapeTheCommasOfAPath) {
  EXPECT_THAT(values_of("-chardev", host_arguments("/runs/a,b/console.log", false)),
              Contains("file,id=console,path=/runs/a,,b/console.log,append=on"));
}

TEST(HostArguments, WaitForAStateOnlyWhenOneIsToCome) {
  EXPECT_THAT(host_arguments("/c", false), Not(Contains("-incoming")));
  EXPECT_THAT(values_of("-incoming", host_arguments("/c", true)), Contains("defer"));
}

TEST(HostArguments, AlwaysStartWithStoppedProcessors) {
  EXPECT_THAT(host_arguments("/c", false), Contains("-S"));
  EXPECT_THAT(host_arguments("/c", true), Contains("-S"));
}

}  // namespace
}  // namespace snaphammer::vmm
