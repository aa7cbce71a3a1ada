#include "lib/vmm/accel_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snaphammer::vmm {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

TEST(KvmProbe, SaysThatThereIsNoDevice) {
  const KvmProbe probe = probe_kvm("/nonexistent/kvm");
  EXPECT_FALSE(probe.usable);
  EXPECT_EQ(probe.reason, "open /nonexistent/kvm: No such file or directory");
}

TEST(KvmProbe, IsNotFooledByAnotherDevice) {
  const KvmProbe probe = probe_kvm("/dev/null");
  EXPECT_FALSE(probe.usable);
  EXPECT_EQ(probe.reason, "/dev/null: not a KVM device of API version 12");
}

TEST(KvmProbe, JudgesThisHostByARateOrByWhatIsMissing) {
  const KvmProbe probe = probe_kvm();
  EXPECT_THAT(probe.reason, AnyOf(HasSubstr("M loops/s"), HasSubstr("KVM: "), HasSubstr("open /dev/kvm: "),
                                  HasSubstr("exit reason")));
  if (probe.usable) {
    EXPECT_THAT(probe.reason, testing::Not(HasSubstr("emulates")));
  }
  RecordProperty("reason", probe.reason);
}

TEST(ChooseAccel, TakesKvmOnlyWhenItIsOfUse) {
  const auto choice = choose_accel(Accel::kAuto, {.usable = true, .reason = "fast"});
  EXPECT_EQ(choice->accel, Accel::kKvm);
  EXPECT_EQ(choice->reason, "fast");
}

TEST(ChooseAccel, FallsBackToTcgAndSaysWhy) {
  const auto choice = choose_accel(Accel::kAuto, {.usable = false, .reason = "it emulates"});
  EXPECT_EQ(choice->accel, Accel::kTcg);
  EXPECT_EQ(choice->reason, "it emulates");
}

TEST(ChooseAccel, DoesNotReplaceAKvmThatWasDemanded) {
  const auto choice = choose_accel(Accel::kKvm, {.usable = false, .reason = "it emulates"});
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().kind(), ErrorKind::kUnfit);
  EXPECT_THAT(choice.error().message(), HasSubstr("it emulates"));
  EXPECT_THAT(choice.error().advice(), HasSubstr("accel: tcg"));
}

TEST(ChooseAccel, DoesNotProbeForTcg) {
  EXPECT_EQ(choose_accel(Accel::kTcg)->accel, Accel::kTcg);
  EXPECT_EQ(choose_accel(Accel::kTcg)->reason, "asked for");
}

TEST(ToldProbe, AnswersAsTheOneThatWasTold) {
  for (const KvmProbe& probe : {KvmProbe{.usable = true, .reason = "KVM runs 1900 M loops/s"},
                                KvmProbe{.usable = false, .reason = "open /dev/kvm: Permission denied"}}) {
    const auto told = told_probe(to_text(*choose_accel(Accel::kAuto, probe)));
    ASSERT_TRUE(told);
    EXPECT_EQ(told->usable, probe.usable);
    EXPECT_EQ(told->reason, probe.reason);
  }
}

TEST(ToldProbe, IsNothingWhenNothingWasTold) {
  for (const char* text : {"", "kvm", "yes", " tcg: "}) EXPECT_FALSE(told_probe(text)) << text;
}

}  // namespace
}  // namespace snaphammer::vmm
