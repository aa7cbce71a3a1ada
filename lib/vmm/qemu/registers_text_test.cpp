#include "lib/vmm/qemu/registers_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snaphammer::vmm {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// As QEMU 7.2 prints it, shortened.
constexpr const char* kTwo =
    "\r\nCPU#0\r\n"
    "RAX=ffffffff81a2b300 RBX=0000000000000000 RCX=0000000000000001 RDX=000000000001e3d4\r\n"
    "RIP=ffffffff81a2b31b RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n"
    "EFER=0000000000000d01\r\n"
    "FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80\r\n"
    "XMM00=0000000000000000 0000000000000000 XMM01=0000000000000000 0000000000000000\r\n"
    "\r\nCPU#1\r\n"
    "RIP=00000000004017d2 RFL=00000202 [-------] CPL=3 II=0 A20=1 SMM=0 HLT=0\r\n"
    "FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80\r\n";

TEST(RegistersText, EachVcpuHasItsPlaceAndWhetherItIsHalted) {
  const std::vector<VcpuGlance> vcpus = read_registers(kTwo);
  ASSERT_THAT(vcpus, SizeIs(2));
  EXPECT_EQ(vcpus[0].vcpu, 0u);
  EXPECT_EQ(vcpus[0].rip, 0xffffffff81a2b31b);
  EXPECT_TRUE(vcpus[0].halted);
  EXPECT_EQ(vcpus[1].vcpu, 1u);
  EXPECT_EQ(vcpus[1].rip, 0x4017d2u);
  EXPECT_FALSE(vcpus[1].halted);
}

TEST(RegistersText, WhatIsKeptForPeopleEndsBeforeTheFpu) {
  const std::string registers = read_registers(kTwo)[0].registers;
  EXPECT_THAT(registers, HasSubstr("EFER=0000000000000d01"));
  EXPECT_THAT(registers, Not(HasSubstr("XMM00")));
  EXPECT_THAT(registers, Not(HasSubstr("\r")));
}

TEST(RegistersText, WhatIsNoVcpuIsLeftOut) {
  EXPECT_THAT(read_registers(""), IsEmpty());
  EXPECT_THAT(read_registers("unknown command: 'info registers'\r\n"), IsEmpty());
  EXPECT_THAT(read_registers("CPU#0\r\nRIP=ffffffff81a2b31b\r\nCPU#1"), IsEmpty());
}

}  // namespace
}  // namespace snaphammer::vmm
