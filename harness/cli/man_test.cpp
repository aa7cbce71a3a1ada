// The man page: it says what the command line and the registrations say, and is good roff.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/cli/testing/program_fixture.h"

namespace snaphammer::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class ManTest : public ProgramFixture {
 protected:
  std::string page() {
    EXPECT_EQ(snaphammer({"man"}), 0) << err();
    return out();
  }
};

TEST_F(ManTest, HasEveryCommandWithItsOptions) {
  EXPECT_THAT(page(), AllOf(HasSubstr(".SS \"run [OPTION...] [PATH...]\""), HasSubstr("\\fB\\-\\-shard\\fR \\fI"),
                            HasSubstr("\\fB\\-j\\fR, \\fB\\-\\-jobs\\fR"), HasSubstr(".SS \"replay [OPTION...] RUN\""),
                            Not(HasSubstr("worker ARTIFACTS"))));
}

TEST_F(ManTest, HasExamplesExitCodesAndWhatIsRegistered) {
  EXPECT_THAT(page(), AllOf(HasSubstr(".SH \"EXIT CODES\"\n.nf\n  0    all as expected\n"),
                            HasSubstr("  snaphammer run scenarios/smoke\n"),
                            HasSubstr(".SS \"Steps\"\n.TP\n\\fBact\\fR\n"), HasSubstr("\\fBuffd.on_remove\\fR")));
}

TEST_F(ManTest, IsWithoutFaultForMandoc) {
  if (!std::filesystem::exists("/usr/bin/mandoc")) GTEST_SKIP() << "no mandoc on this host";
  const std::string file = write("snaphammer.1", page());
  ChildProcess lint = start_program({"/usr/bin/mandoc", "-T", "lint", "-W", "warning", file});
  wait_for_exit(lint);
  // The page is the same whenever it is made.
  EXPECT_THAT(out(), MatchesRegex("[^\n]*missing date[^\n]*\n"));
}

}  // namespace
}  // namespace snaphammer::cli
