#include "guest-workloads/agent/crash_report.h"

#include <gmock/gmock.h>

namespace snaphammer::guest {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

TEST(CrashReport, OtherLinesAreNone) {
  CrashReport report;
  report.add("runtime: this is only a warning");
  report.add("no fatal error: all is well");
  EXPECT_THAT(report.headline(), IsEmpty());
}

TEST(CrashReport, BeginsWithWhatTheRuntimeSawAndKeepsTheStacks) {
  CrashReport report;
  report.add("runtime: summary max pages = 12");
  report.add("fatal error: bad summary data");
  report.add("");
  report.add("goroutine 7 [running]:");
  report.add("panic: again");
  EXPECT_EQ(report.headline(), "fatal error: bad summary data");
  EXPECT_EQ(report.text(),
            "runtime: summary max pages = 12\nfatal error: bad summary data\n\ngoroutine 7 [running]:\npanic: again\n");
}

TEST(CrashReport, OfALongStoryBeforeItKeepsTheEnd) {
  CrashReport report;
  for (int i = 0; i < 1000; ++i) report.add("chatter " + std::to_string(i));
  report.add("panic: runtime error: index out of range");
  EXPECT_THAT(report.text(), HasSubstr("chatter 999\npanic: runtime error"));
  EXPECT_THAT(report.text(), Not(HasSubstr("chatter 800\n")));
}

TEST(CrashReport, OfManyStacksKeepsTheFirst) {
  CrashReport report;
  report.add("fatal error: found bad pointer in Go heap");
  for (int i = 0; i < 1000; ++i) report.add("goroutine " + std::to_string(i) + " [sleep]:");
  EXPECT_THAT(report.text(), StartsWith("fatal error: found bad pointer"));
  EXPECT_THAT(report.text(), HasSubstr("goroutine 100 "));
  EXPECT_THAT(report.text(), SizeIs(CrashReport::kMost));
  const std::string before = report.text();
  report.add("more");
  EXPECT_EQ(report.text(), before);
}

TEST(CrashReport, AnEndlessLineIsCut) {
  CrashReport report;
  report.add("fatal error: " + std::string(1 << 20, 'x'));
  EXPECT_THAT(report.text(), SizeIs(CrashReport::kMost));
  EXPECT_THAT(report.text(), EndsWith("xxx"));
}

}  // namespace
}  // namespace snaphammer::guest
